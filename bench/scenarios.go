package bench

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/flsync/flsync/bench/baseline"
	"github.com/flsync/flsync/bench/workload"
	"github.com/flsync/flsync/internal/lab/netsim"
)

// Scale is how large the workloads are.
type Scale struct {
	SmallFiles, Textures, Caches int
	CacheBytes                   int64
	Film                         float64 // 1: about 1 GB
	Shots, Linked                int
	ManyShots                    []int // sizes of batches that are submitted whole; the goal is for the last
	Jobs                         []int // how many others the Manager has
	FarFiles, Shares             int   // of which a serial client sends one share
	Connections, FarConns        []int // of upper bounds
	Distances                    []netsim.Link
	Walk                         []int // sizes of trees of tiny files; the goals are for the last
	Growth                       []int // sizes of trees that are synced
	Memory                       int   // files of the tree whose memory has a goal
	Limited                      int64 // bytes that are sent in Patience seconds
	Patience                     float64
}

// Full is the scale of the goals.
func Full() Scale {
	return Scale{
		SmallFiles: 20_000, Textures: 200, Caches: 16, CacheBytes: 100e6, Film: 0.5, Shots: 200, Linked: 300,
		ManyShots: []int{1, 20, 200, 2_000}, Jobs: []int{1, 1_000, 20_000},
		FarFiles: 2_000, Shares: 20, Connections: []int{4, 16}, FarConns: []int{16, 64},
		Distances: []netsim.Link{
			{RTT: 200 * time.Microsecond, BitsPerSecond: 10e9},
			{RTT: 5 * time.Millisecond, BitsPerSecond: 1e9},
			{RTT: 40 * time.Millisecond, BitsPerSecond: 100e6},
			{RTT: 150 * time.Millisecond, BitsPerSecond: 100e6},
			{RTT: 150 * time.Millisecond, BitsPerSecond: 10e6},
		},
		Walk: []int{1_000, 10_000, 100_000, 1_000_000}, Growth: []int{1_000, 10_000, 100_000}, Memory: 60_000,
		Limited: 100e6, Patience: 20,
	}
}

// Smoke only shows that everything runs, in seconds.
func Smoke() Scale {
	return Scale{
		SmallFiles: 200, Textures: 20, Caches: 2, CacheBytes: 2e6, Film: 0.005, Shots: 3, Linked: 3,
		ManyShots: []int{2}, Jobs: []int{2}, FarFiles: 40, Shares: 4, Connections: []int{4}, FarConns: []int{4},
		Distances: []netsim.Link{{RTT: 200 * time.Microsecond, BitsPerSecond: 10e9}},
		Walk:      []int{500, 1_000}, Growth: []int{100, 200}, Memory: 300, Limited: 1e6, Patience: 1,
	}
}

const (
	checkoutAlone = "checkout alone"
	bothAlone     = "requirements and checkout alone"
	answersAlone  = "the Manager's answers alone"
	shaAlone      = "SHA-256 alone, all cores"
	warmHash      = "flsync hash, warm"
	assetTracer   = "Blender Asset Tracer"
	traceWith     = "exec env PYTHONPATH=$(ls {addon}/flamenco/wheels/blender_asset_tracer-1.*.whl) python3 -m blender_asset_tracer list "
)

// Scenarios is the table of what is measured, the most important first. Those that write few files stand in the middle:
// what the ones before have left is removed then, see Scenario.Clear.
func Scenarios(scale Scale) []Scenario {
	var (
		small   = workload.SmallFiles(scale.SmallFiles)
		large   = workload.Caches(scale.Caches, scale.CacheBytes)
		far     = workload.SmallFiles(scale.FarFiles)
		night   = workload.Batch{Shots: scale.Shots}
		ofSmall = fmt.Sprintf("%d small files", scale.SmallFiles)
		ofLarge = fmt.Sprintf("%d files of %d MB", scale.Caches, scale.CacheBytes/1e6)
		ofNight = fmt.Sprintf("%d shots that share 500 textures", scale.Shots)
		first   = slices.Concat([]Contender{firstSync()}, upperFirst(scale.Connections...), []Contender{rsync(), serialFirst(1)})
	)
	all := onBoth(1.05, 1.1,
		Scenario{
			Name: "first-small", Title: "first sync of " + ofSmall, Cost: 60 * time.Second,
			Tree: small, Manager: shaman, AllRead: true, Contenders: first,
			Goals: []Goal{slower("first sync of small files against the upper bound", "flsync", upperBound, 0)},
		}, Scenario{
			Name: "first-large", Title: "first sync of " + ofLarge, Cost: 40 * time.Second,
			Tree: large, Manager: shaman, AllRead: true, Few: true, Contenders: first,
			Goals: []Goal{slower("first sync of large files against the upper bound", "flsync", upperBound, 0)},
		})
	all = append(all, onBoth(1.05, 1.2, Scenario{
		Name: "batch", Title: ofNight + ", all stored", Cost: 25 * time.Second,
		Batch: night, Manager: shaman, Setup: []step{submitted},
		Contenders: append([]Contender{submission("flsync", submitsKnown, renamed)}, counted(managerAlone, nil, baseline.Work{Kind: "batch"}, 8)...),
		Goals:      []Goal{slower("warm batch of shots against the Manager's own time", "flsync", managerAlone, 0)},
	})...)
	all = append(all, onBoth(0.6, 1.2, Scenario{
		Name: "warm-small", Title: "warm sync of " + ofSmall, Cost: 25 * time.Second,
		Tree: small, Manager: shaman, Setup: []step{aged, primed, listed, once(rsync())},
		Contenders: []Contender{
			warmSync("flsync", "--checkout", "bench/warm"), upperWarm(bothAlone, baseline.Whole), upperWarm(checkoutAlone, baseline.CheckoutOnly),
			warmSync("flsync, no checkout", "--no-checkout"), upperWarm("requirements alone", baseline.CheckOnly),
			hash(warmHash, "{tree}", ""), find(), rsyncAgain(),
		},
		Goals: []Goal{slower("warm sync against requirements and checkout alone", "flsync", bothAlone, 0)},
	})...)
	return slices.Concat(all, []Scenario{
		{
			Name: "night", Title: ofNight + ", nothing changed and all jobs submitted", Cost: 20 * time.Second,
			Batch: night, Manager: shaman, Setup: []step{submitted},
			Contenders: []Contender{submission("flsync", submitsNone), base(answersAlone, nil, baseline.Work{Kind: "answers"})},
			Goals:      []Goal{{Text: "night without changes, beside the Manager's own answers", Of: "flsync", Less: answersAlone, Limit: 0.3, Unit: "s"}},
		},
		direct("direct-small", ofSmall, small, 1.1), direct("direct-large", ofLarge, large, 1.2),
		copies("copy-small", ofSmall, small), copies("copy-large", ofLarge, large),
		{
			Name: "addon", Title: "one shot with 500 textures, beside Flamenco's add-on in Blender", Cost: 20 * time.Second,
			Batch: workload.Batch{Shots: 1}, Manager: shaman, Setup: []step{aged},
			Contenders: []Contender{
				submission("flsync", submitsNew, renamed, forget, newManager), submission("flsync, all stored", submitsKnown, renamed),
				addon("Flamenco's add-on", newManager), addon("Flamenco's add-on, all stored"),
			},
		},
		traces(scale), {
			Name: "start", Title: "start of the program", Cost: 2 * time.Second,
			Contenders: []Contender{repeated(20, tool("flsync version", "", "for i in $(seq 20); do {flsync} version; done")), repeated(20, tool("true", "env", "for i in $(seq 20); do env true; done"))},
			Goals:      []Goal{{Text: "start of the program", Of: "flsync version", Limit: 6, Unit: "ms"}},
		},
		{
			Name: "hash-cold", Title: "hash only, nothing known, files in memory", Cost: 15 * time.Second,
			Tree: large, AllRead: true, Few: true,
			Contenders: []Contender{
				hash("flsync hash", "{tree}", "", forget), hashPass(),
				tool("sha256sum", "sha256sum", "find {tree} -type f -print0 | xargs -0 sha256sum"),
				tool("openssl dgst", "openssl", "find {tree} -type f -print0 | xargs -0 openssl dgst -sha256"),
			},
			Goals: []Goal{slower("hashing against SHA-256 alone on all cores", "flsync hash", shaAlone, 1.1)},
		},
		touchedAgain("touched", "touched film project: new times, same contents", "", scale, 1.8),
		touchedAgain("touched-nosha", "touched film project, SHA instructions switched off", "GODEBUG=cpu.sha=off", scale, 4),
		limited(scale), givingWay(scale),
		distant("far", netsim.Link{RTT: 40 * time.Millisecond, BitsPerSecond: 1e9}, far, scale,
			faster("first sync of small files from far away against the serial client", "flsync", "serial client", 20)),
		distant("lossy", netsim.Link{RTT: 150 * time.Millisecond, BitsPerSecond: 100e6, Loss: 0.01}, far, scale,
			slower("first sync over a line that loses packets, against the upper bound", "flsync", upperBound, 1.1)),
		distant("unfair", netsim.Link{RTT: 20 * time.Millisecond, BitsPerConnection: 8e6}, workload.Textures(scale.Textures), scale,
			slower("first sync through a proxy of 1 MB/s a connection, against the upper bound", "flsync", upperBound, 1.1)),
	}, each(scale.Distances, func(link netsim.Link, _ bool) Scenario {
		return Scenario{
			Name: fmt.Sprintf("distance-%v-%.0fM", link.RTT, link.BitsPerSecond/1e6), Title: "first sync over a line of " + link.String(),
			Cost: 8*time.Second + 60*link.RTT, Tree: far, Manager: shaman, Link: link, Reps: 1,
			Contenders: append([]Contender{firstSync()}, upperFirst(scale.FarConns[len(scale.FarConns)-1])...),
			Curve:      Point{Table: fmt.Sprintf("First sync of %d small files over distance", scale.FarFiles), Label: link.String()},
		}
	}), []Scenario{bounded(scale.Memory)}, each(scale.Walk, walk), each(scale.Growth, growth), each(scale.Jobs, amongJobs), each(scale.ManyShots, shots))
}

// onBoth are scenarios with the Manager on cores of its own, as on a farm, where a client's work can be hidden behind the
// Manager's; and then on shared cores, where it cannot. Their goals have the limits own and shared.
func onBoth(own, shared float64, scenarios ...Scenario) (all []Scenario) {
	limits := func(goals []Goal, limit float64, text string) []Goal {
		goals = slices.Clone(goals)
		for i := range goals {
			goals[i].Limit, goals[i].Text = limit, goals[i].Text+text
		}
		return goals
	}
	for _, s := range scenarios {
		twin := s
		s.Apart, s.Goals = true, limits(s.Goals, own, "")
		twin.Name, twin.Beside, twin.Goals = s.Name+"-shared", s.Name, limits(twin.Goals, shared, ", shared cores")
		all = append(all, s, twin)
	}
	return all
}

// each makes a scenario of each size; last is true for the last.
func each[T any](sizes []T, scenario func(size T, last bool) Scenario) (all []Scenario) {
	for i, size := range sizes {
		all = append(all, scenario(size, i == len(sizes)-1))
	}
	return all
}

// repeated is a contender whose run does the work so many times.
func repeated(times float64, c Contender) Contender { c.Times = times; return c }

// direct writes a tree into the Manager's store, without a checkout, beside tools that copy it to the same disk.
func direct(name, title string, tree workload.Spec, limit float64) Scenario {
	return Scenario{
		Name: name, Title: title + " straight into the mounted store", Cost: 25 * time.Second,
		Tree: tree, Manager: shaman, AllRead: true, Few: len(tree.Groups) == 1 && tree.Groups[0].Files < 1000,
		Contenders: []Contender{
			flsync("flsync --direct", writesAll, []step{freshTree}, "sync", "--direct", "--no-checkout", "{tree}"), rsync(),
			tool("cp -a", "cp", "exec cp -a {tree}/. {out}/", freshOut),
			flsync("flsync", sendsAll, []step{freshTree}, "sync", "--no-checkout", "{tree}"),
		},
		Goals: []Goal{slower(title+" straight into the store, against rsync -a", "flsync --direct", "rsync -a", limit)},
	}
}

// copies brings a tree to the storage of a farm without Shaman, and then again, beside a tool that does so.
func copies(name, title string, tree workload.Spec) Scenario {
	const copied, again = "flsync --storage copy", "flsync --storage copy, again"
	return Scenario{
		Name: name, Title: title + " to storage without Shaman", Cost: 25 * time.Second,
		Tree: tree, Manager: plain, Few: tree.Groups[0].Files < 1000,
		Contenders: []Contender{
			flsync(copied, sendsAll, []step{freshTree, aged}, "sync", "--storage", "copy", "{tree}"),
			flsync(again, sendsNone, nil, "sync", "--storage", "copy", "{tree}"), rsync(), rsyncAgain(),
		},
		Goals: []Goal{
			slower(title+" to storage without Shaman, against rsync -a", copied, "rsync -a", 1.2),
			slower(title+" to storage without Shaman, again, against rsync -a again", again, "rsync -a, again", 1.2),
		},
	}
}

// traces finds what blend files need. Whole processes are compared.
func traces(scale Scale) Scenario {
	one, many := "flsync deps, one shot", fmt.Sprintf("flsync deps, %d shots that link 50 libraries", scale.Linked)
	const linkedShot = "one shot that links 50 libraries"
	deps := "exec {flsync} deps --cache {cache} "
	return Scenario{
		Name: "trace", Title: "reading what blend files need", Cost: 25 * time.Second, Clear: true,
		Batch: workload.Batch{Shots: 1}, Setup: []step{linked(scale.Linked)},
		Contenders: []Contender{
			tool(one, "", deps+"{tree}/shots/sh0001.blend", forget), tool(assetTracer, "python3 add-on", traceWith+"{tree}/shots/sh0001.blend"),
			tool("flsync deps, "+linkedShot, "blender", deps+"{dir}/linked/shot0000.blend", forget),
			tool(assetTracer+", "+linkedShot, "blender python3 add-on", traceWith+"{dir}/linked/shot0000.blend"),
			tool(many, "blender", deps+"{dir}/linked/shot*.blend", forget),
		},
		Goals: []Goal{
			faster("tracing a shot with 500 textures against Blender Asset Tracer", one, assetTracer, 20),
			{Text: "tracing " + fmt.Sprint(scale.Linked) + " shots that link 50 libraries", Of: many, Limit: 0.3, Unit: "s"},
		},
	}
}

func touchedAgain(name, title, env string, scale Scale, limit float64) Scenario {
	return Scenario{
		Name: name, Title: title, Cost: 12 * time.Second, Tree: workload.Film(scale.Film), AllRead: true, Setup: []step{aged, hashed},
		Contenders: []Contender{hash("flsync hash", "{tree}", env, touched), hashPass(env)},
		Goals:      []Goal{faster(title+", against SHA-256 of it", "flsync hash", shaAlone, limit)},
	}
}

// limited sends from far away at a rate at which the tree takes Patience seconds.
func limited(scale Scale) Scenario {
	const name = "flsync --limit-upload"
	return Scenario{
		Name: "limited", Title: fmt.Sprintf("an upload of %d MB that is limited to %v seconds", scale.Limited/1e6, scale.Patience), Cost: 25 * time.Second,
		Tree: workload.Caches(1, scale.Limited), Manager: shaman, Reps: 1, Few: true, Link: netsim.Link{RTT: 150 * time.Millisecond},
		Contenders: []Contender{flsync(name, sendsAll, []step{freshTree}, "sync", "--no-checkout", "--limit-upload", fmt.Sprint(float64(scale.Limited)/scale.Patience), "{tree}")},
		Goals:      []Goal{{Text: "rate of an upload 150 ms away against --limit-upload", Of: name, Seconds: scale.Patience, Limit: 5, Unit: "%"}},
	}
}

// givingWay syncs over a line while other uploads of the same user want it, too.
func givingWay(scale Scale) Scenario {
	const alone, watched = "flsync", "flsync, beside sync --watch"
	fresh := []step{freshTree, bulk(scale.Textures*4, 250e3)}
	sync := flsync(alone, sendsAll, fresh, "sync", "--checkout", "bench/first", "{tree}")
	return Scenario{
		Name: "giving-way", Title: "a sync while the same user uploads in the background", Cost: 20 * time.Second,
		Tree: workload.Textures(scale.Textures), Manager: shaman, Few: true,
		Link: netsim.Link{RTT: 10 * time.Millisecond, BitsPerSecond: 50e6},
		Contenders: []Contender{
			sync, beside(watched, sync, "sync", "--watch", "{dir}/bulk"),
			beside("flsync, beside a sync that does not give way", sync, "sync", "--no-checkout", "{dir}/bulk"),
		},
		Goals: []Goal{slower("sync beside an upload of sync --watch, against one alone", watched, alone, 1.5)},
	}
}

// distant syncs a tree over a line.
func distant(name string, link netsim.Link, tree workload.Spec, scale Scale, goal Goal) Scenario {
	files, bytes := tree.Totals()
	return Scenario{
		Name: name, Title: fmt.Sprintf("first sync of %d files of %s over a line of %v", files, bytesText(float64(bytes)/float64(files)), link), Cost: 45 * time.Second,
		Tree: tree, Manager: shaman, Link: link,
		Contenders: slices.Concat([]Contender{firstSync()}, upperFirst(scale.FarConns...), []Contender{serialFirst(scale.Shares)}), Goals: []Goal{goal},
	}
}

// bounded measures the memory of runs with many new files.
func bounded(n int) Scenario {
	title := fmt.Sprintf("%d new files", n)
	contenders := []Contender{
		firstSync(), warmSync("flsync, nothing changed", "--checkout", "bench/warm"),
		flsync("flsync submit --all", submitsTree, []step{freshTree, func(_ context.Context, s *Site) error {
			manifest := fmt.Sprintf("version: 1\nproject: %q\njobs: [{name: all, type: echo-sleep-test, settings: {message: all}}]\n", s.Tree)
			return os.WriteFile(s.Path("all.yaml"), []byte(manifest), 0o600)
		}}, "submit", "--all", "{dir}/all.yaml"),
	}
	return Scenario{
		Name: "memory", Title: "memory of runs with " + title, Cost: 80 * time.Second, Tree: workload.SmallFiles(n), Manager: shaman, Reps: 1,
		Contenders: contenders, Goals: memory(title, 150, contenders...),
	}
}

// walk measures names, times and lookups: there is next to nothing in the files. The largest tree is also synced, but
// for the uploads and the checkout.
func walk(n int, last bool) Scenario {
	s := Scenario{
		Name: fmt.Sprintf("walk-%d", n), Title: fmt.Sprintf("walk, stat and lookup of %d tiny files", n), Cost: time.Second + time.Duration(n)*150*time.Microsecond,
		Tree: workload.Tiny(n), Setup: []step{aged, hashed}, Contenders: []Contender{hash(warmHash, "{tree}", ""), find()},
		Curve: Point{Table: "Cost per file: walk, stat and lookup of tiny files", Label: count(n), Per: float64(n)},
	}
	if last {
		dry := flsync("flsync sync --dry-run", sendsNone, nil, "sync", "--dry-run", "{tree}")
		dry.Once = true
		s.Manager, s.Contenders = shaman, append(s.Contenders, dry)
		s.Goals = append(memory(fmt.Sprintf("%d files", n), 300, s.Contenders[0], dry), slower(s.Title+" against find -printf", warmHash, "find -printf", 2))
	}
	return s
}

// growth measures whole syncs of more and more files.
func growth(n int, _ bool) Scenario {
	return Scenario{
		Name: fmt.Sprintf("growth-%d", n), Title: fmt.Sprintf("first and warm sync of %d files", n), Cost: 3*time.Second + time.Duration(n)*600*time.Microsecond,
		Tree: workload.SmallFiles(n), Manager: shaman, Reps: 1,
		Contenders: []Contender{firstSync(), warmSync("flsync, nothing changed", "--checkout", "bench/warm")},
		Curve:      Point{Table: "Cost per file: whole syncs", Label: count(n), Per: float64(n)},
	}
}

// amongJobs submits a shot that has not changed to a Manager with n other jobs.
func amongJobs(n int, _ bool) Scenario {
	return Scenario{
		Name: fmt.Sprintf("jobs-%d", n), Title: fmt.Sprintf("one unchanged shot, %d jobs at the Manager", n), Cost: 5*time.Second + time.Duration(n)*5*time.Millisecond,
		Batch: workload.Batch{Shots: 1}, Manager: shaman, Setup: []step{submitted, once(base("", nil, baseline.Work{Kind: "jobs", Connections: n}))},
		Contenders: []Contender{submission("flsync, unchanged", submitsNone)},
		Curve:      Point{Table: "One shot that has not changed, by how many jobs the Manager has", Label: count(n)},
	}
}

// shots submits many shots, first with nothing known, then, if they are not too many, under new names.
func shots(n int, last bool) Scenario {
	s := Scenario{
		Name: fmt.Sprintf("shots-%d", n), Title: fmt.Sprintf("%d shots that share 500 textures", n), Cost: 5*time.Second + time.Duration(n)*40*time.Millisecond,
		Batch: workload.Batch{Shots: n}, Manager: shaman, Reps: 1, Setup: []step{aged}, Contenders: []Contender{submission("flsync, first", submitsNew)},
		Curve: Point{Table: "Many shots that share 500 textures", Label: count(n)},
	}
	if last {
		s.Goals = memory(s.Title, 200, s.Contenders...)
	} else {
		s.Contenders = append(s.Contenders, submission("flsync, all stored", submitsKnown, renamed))
	}
	return s
}

func count(n int) string {
	if n >= 1_000_000 && n%1_000_000 == 0 {
		return fmt.Sprintf("%d M", n/1_000_000)
	}
	if n >= 1_000 && n%1_000 == 0 {
		return fmt.Sprintf("%d k", n/1_000)
	}
	return fmt.Sprint(n)
}
