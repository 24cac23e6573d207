package bench

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/flsync/flsync/bench/baseline"
	"github.com/flsync/flsync/bench/workload"
	"github.com/flsync/flsync/internal/lab/netsim"
)

// Scale is how large the workloads are.
type Scale struct {
	SmallFiles  int
	Textures    int
	Caches      int
	CacheBytes  int64
	Film        float64 // 1: about 1 GB
	Shots       int
	ManyShots   []int // sizes of batches that are submitted whole; the goal is for the last
	Jobs        []int // how many others the Manager has
	FarFiles    int
	Far         netsim.Link // of the goal
	Connections []int       // of upper bounds
	FarConns    []int       // of upper bounds far away, where few take minutes
	Distances   []netsim.Link
	Walk        []int // sizes of trees of tiny files; the goals are for the last
	Growth      []int // sizes of trees that are synced
	Memory      int   // files of the tree whose memory has a goal
}

// Full is the scale of the goals.
func Full() Scale {
	return Scale{
		SmallFiles: 20_000, Textures: 2_000, Caches: 16, CacheBytes: 100e6, Film: 1, Shots: 200,
		ManyShots: []int{1, 20, 200, 2_000}, Jobs: []int{1, 1_000, 20_000},
		FarFiles: 2_000, Far: netsim.Link{RTT: 40 * time.Millisecond, BitsPerSecond: 1e9},
		Connections: []int{4, 16}, FarConns: []int{64},
		Distances: []netsim.Link{
			{RTT: 200 * time.Microsecond, BitsPerSecond: 10e9},
			{RTT: 5 * time.Millisecond, BitsPerSecond: 1e9},
			{RTT: 40 * time.Millisecond, BitsPerSecond: 1e9},
			{RTT: 40 * time.Millisecond, BitsPerSecond: 100e6},
			{RTT: 150 * time.Millisecond, BitsPerSecond: 100e6},
			{RTT: 150 * time.Millisecond, BitsPerSecond: 10e6},
		},
		Walk:   []int{1_000, 10_000, 100_000, 1_000_000},
		Growth: []int{1_000, 10_000, 100_000}, Memory: 60_000,
	}
}

// Smoke only shows that everything runs, in seconds.
func Smoke() Scale {
	return Scale{
		SmallFiles: 200, Textures: 20, Caches: 2, CacheBytes: 2e6, Film: 0.005, Shots: 3,
		ManyShots: []int{2}, Jobs: []int{2},
		FarFiles: 20, Far: netsim.Link{RTT: 5 * time.Millisecond, BitsPerSecond: 1e9},
		Connections: []int{4}, FarConns: []int{4},
		Distances: []netsim.Link{{RTT: 200 * time.Microsecond, BitsPerSecond: 10e9}},
		Walk:      []int{500, 1_000},
		Growth:    []int{100, 200}, Memory: 300,
	}
}

// Scenarios is the table of what is measured.
func Scenarios(scale Scale) []Scenario {
	var (
		small = workload.SmallFiles(scale.SmallFiles)
		large = workload.Caches(scale.Caches, scale.CacheBytes)
		film  = workload.Film(scale.Film)
		cores = runtime.NumCPU()
	)
	firstSmall := first("first-small", fmt.Sprintf("first sync, %d small files", scale.SmallFiles), small, scale,
		slower("first sync of small files against the upper bound", "flsync", upperBound, 1.10))
	firstLarge := first("first-large", fmt.Sprintf("first sync, %d files of %d MB", scale.Caches, scale.CacheBytes/1e6), large, scale,
		slower("first sync of large files against the upper bound", "flsync", upperBound, 1.10))
	all := []Scenario{
		firstSmall, firstLarge,
		first("first-textures", fmt.Sprintf("first sync, %d textures", scale.Textures), workload.Textures(scale.Textures), scale),
		first("first-film", "first sync, a film project", film, scale),
		{
			Name: "warm-small", Title: fmt.Sprintf("warm sync, %d small files", scale.SmallFiles),
			Tree: small, Manager: true, Setup: []step{aged, primed, listed},
			Contenders: slices.Concat(
				flsyncWarm("flsync", "--checkout", "bench/warm"),
				upperWarm("requirements and checkout alone", baseline.Whole),
				upperWarm(checkoutAlone, baseline.CheckoutOnly),
				flsyncWarm("flsync, no checkout", "--no-checkout"),
				upperWarm("requirements alone", baseline.CheckOnly),
				flsyncHash("flsync hash, warm", "tree", nil),
				find(), rsyncWarm(),
			),
			Goals: []Goal{
				slower("warm sync against requirements and checkout alone", "flsync", "requirements and checkout alone", 1.2),
				slower("warm walk, stat and lookup against find -printf", "flsync hash, warm", "find -printf", 2),
				ownPart("client's own part of a warm sync, by subtraction, against find -printf", "find -printf", 2),
				ownPart("client's own part of a warm sync, by subtraction, against rsync -a", "rsync -a", 1),
			},
		},
		{
			Name: "warm-film", Title: "warm sync, a film project",
			Tree: film, Manager: true, Setup: []step{aged, primed, listed},
			Contenders: slices.Concat(
				flsyncWarm("flsync", "--checkout", "bench/warm"),
				upperWarm("requirements and checkout alone", baseline.Whole),
				find(), rsyncWarm(),
			),
		},
		{
			Name: "hash-cold", Title: "hash only, nothing known, files in memory",
			Tree: large, AllRead: true,
			Contenders: slices.Concat(
				flsyncHash("flsync hash", "tree", []step{forget}),
				hashPass("one pass, blocks of 64 KiB", onePass, baseline.HashPass{Digests: both, Threads: 1, Block: 64 << 10}),
				hashPass("one pass over memory", "", baseline.HashPass{Digests: both, Threads: 1, Block: 64 << 10, Memory: true}),
				hashPass("SHA-256 alone, all cores", "", baseline.HashPass{Digests: both[:1], Threads: cores, Block: 256 << 10}),
				tool("sha256sum", "sha256sum", `find "$1" -type f -print0 | xargs -0 sha256sum`),
				tool("openssl dgst", "openssl", `find "$1" -type f -print0 | xargs -0 openssl dgst -sha256`),
				tool("cp to nowhere", "cp", `find "$1" -type f -exec cp {} /dev/null \;`),
			),
			Goals: []Goal{
				faster(fmt.Sprintf("hashing against %d cores × one SHA-256 and BLAKE3 pass over the files", cores), "flsync hash", onePass, 0.9*float64(cores)),
				faster(fmt.Sprintf("hashing against %d cores × one such pass over memory", cores), "flsync hash", "one pass over memory", 0.9*float64(cores)),
			},
		},
		again("touched", "touched tree: new times, same contents", film, 1.8),
		again("touched-nosha", "touched tree, SHA instructions switched off", film, 4, "GODEBUG=cpu.sha=off"),
		{
			Name: "copied", Title: "a copy of a known tree in another place",
			Tree: film, AllRead: true, Setup: []step{aged, hashed, copied},
			Contenders: slices.Concat(
				flsyncHash("flsync hash", "copy", []step{onlyOriginal}),
				hashPass("SHA-256 alone, all cores", "", baseline.HashPass{Digests: both[:1], Threads: cores, Block: 256 << 10}),
			),
		},
		batch(workload.Batch{Shots: scale.Shots}),
		direct("direct-small", fmt.Sprintf("%d small files straight into the mounted store", scale.SmallFiles), small, 1.1),
		direct("direct-large", fmt.Sprintf("%d files of %d MB straight into the mounted store", scale.Caches, scale.CacheBytes/1e6), large, 1.2),
		copies("copy-small", fmt.Sprintf("%d small files to storage without Shaman", scale.SmallFiles), small),
		copies("copy-large", fmt.Sprintf("%d files of %d MB to storage without Shaman", scale.Caches, scale.CacheBytes/1e6), large),
		bounded(scale.Memory), limited(150*time.Millisecond, scale.CacheBytes),
		apart(firstSmall), apart(firstLarge), apart(batch(workload.Batch{Shots: scale.Shots})),
		{
			Name: "far", Title: fmt.Sprintf("first sync of %d files of 5 KB, %v away", scale.FarFiles, scale.Far.RTT),
			Tree: workload.SmallFiles(scale.FarFiles), Manager: true,
			Link:       scale.Far,
			Contenders: slices.Concat(flsyncFirst(), upperFirst(scale.FarConns...), serialFirst()),
			Goals:      []Goal{faster("first sync from far away against the serial client", "flsync", "serial client", 20)},
		},
	}
	for _, link := range scale.Distances {
		all = append(all, distance(link, workload.SmallFiles(scale.FarFiles), scale.FarConns))
	}
	for _, n := range scale.Walk {
		all = append(all, walk(n, n == scale.Walk[len(scale.Walk)-1]))
	}
	for _, n := range scale.Growth {
		all = append(all, growth(n))
	}
	all = append(all, besideAddon())
	for i, n := range scale.ManyShots {
		all = append(all, shots(workload.Batch{Shots: n}, i == len(scale.ManyShots)-1))
	}
	for _, n := range scale.Jobs {
		all = append(all, amongJobs(n))
	}
	return all
}

var both = []string{"sha256", "blake3"}

const onePass = "one pass"

func first(name, title string, tree workload.Spec, scale Scale, goals ...Goal) Scenario {
	return Scenario{
		Name: name, Title: title, Tree: tree, Manager: true, Renews: true, AllRead: true,
		Contenders: slices.Concat(flsyncFirst(), upperFirst(scale.Connections...), rsyncFirst(), serialFirst()),
		Goals:      goals,
	}
}

func again(name, title string, tree workload.Spec, limit float64, env ...string) Scenario {
	const sha = "SHA-256 alone, all cores"
	return Scenario{
		Name: name, Title: title, Tree: tree, AllRead: true, Setup: []step{aged, hashed},
		Contenders: slices.Concat(
			flsyncHash("flsync hash", "tree", []step{touched}, env...),
			hashPass(sha, "", baseline.HashPass{Digests: both[:1], Threads: runtime.NumCPU(), Block: 256 << 10}, env...),
			tool("sha256sum", "sha256sum", `find "$1" -type f -print0 | xargs -0 sha256sum`),
		),
		Goals: []Goal{faster(title+", against SHA-256 of it", "flsync hash", sha, limit)},
	}
}

func batch(b workload.Batch) Scenario {
	return Scenario{
		Name: "batch", Title: fmt.Sprintf("%d shots that share 500 textures, all stored", b.Shots),
		Manager: true, Setup: []step{batchReady(b)},
		Contenders: slices.Concat(submitted("flsync", b, 0), counted(managerAlone, baseline.Work{Kind: "batch"}, nil, 1, 4, 16)),
		Goals:      []Goal{slower("a warm batch against the Manager's own time", "flsync", managerAlone, 1.2)},
	}
}

// direct writes a tree into the Manager's store, without a checkout, beside tools that copy it to the same disk.
func direct(name, title string, tree workload.Spec, limit float64) Scenario {
	return Scenario{
		Name: name, Title: title, Tree: tree, Manager: true, Renews: true, AllRead: true,
		Contenders: slices.Concat(
			syncs("flsync --direct", true, []step{freshTree}, "--direct", "--no-checkout"),
			syncs("flsync", true, []step{freshTree}, "--no-checkout"),
			rsyncFirst(), cpFirst(),
		),
		Goals: []Goal{slower(title+" against rsync -a", "flsync --direct", "rsync -a", limit)},
	}
}

// copies brings a tree to the storage of a farm without Shaman, and then again, beside a tool that does so.
func copies(name, title string, tree workload.Spec) Scenario {
	const copied, copiedAgain, again = "flsync --storage copy", "flsync --storage copy, again", "rsync -a, again"
	return Scenario{
		Name: name, Title: title, Tree: tree, Manager: true, Plain: true, Renews: true, Setup: []step{freshTree},
		Contenders: slices.Concat(
			syncs(copied, true, []step{freshTree, aged}, "--storage", "copy"),
			syncs(copiedAgain, false, nil, "--storage", "copy"),
			rsyncFirst(), tool(again, "rsync", rsync),
		),
		Goals: []Goal{
			slower(title+" against rsync -a", copied, "rsync -a", 1.2),
			slower(title+", again, against rsync -a again", copiedAgain, again, 1.2),
		},
	}
}

// limited sends at a tenth of the tree a second from far away. A limit that is kept exactly takes ten seconds.
func limited(rtt time.Duration, bytes int64) Scenario {
	const name = "flsync --limit-upload"
	tree := workload.Caches(1, bytes)
	return Scenario{
		Name: "limited", Title: fmt.Sprintf("an upload of %d MB that is limited to ten seconds", bytes/1e6),
		Tree: tree, Manager: true, Reps: 1, Link: netsim.Link{RTT: rtt},
		Contenders: syncs(name, true, []step{freshTree}, "--no-checkout", "--limit-upload", fmt.Sprint(bytes/10)),
		Goals: []Goal{{Text: "the rate of an upload against --limit-upload", Limit: 1.05, Unit: "×", Value: func(r *Result) (float64, bool) {
			wall, ok := r.Wall(name)
			return 10 / wall, ok
		}}},
	}
}

// shots submits many shots, first with nothing known, then under new names.
func shots(b workload.Batch, goal bool) Scenario {
	s := Scenario{
		Name: fmt.Sprintf("shots-%d", b.Shots), Title: fmt.Sprintf("%d shots that share 500 textures", b.Shots), Manager: true, Reps: 1,
		Setup:      []step{func(ctx context.Context, s *Site) error { return b.Create(ctx, s.Tree, s.Seed()) }, aged},
		Contenders: slices.Concat(submitted("flsync, first", b, -1), submitted("flsync, all stored", b, 0)),
		Curve:      Point{Table: "shots", Label: count(b.Shots), Per: 1},
	}
	for _, c := range s.Contenders {
		if goal {
			s.Goals = append(s.Goals, memory(s.Title+", "+c.Name, c.Name, 200))
		}
	}
	return s
}

// besideAddon submits one shot to an empty Manager, and then again under a new name, beside what Flamenco's add-on does.
func besideAddon() Scenario {
	b := workload.Batch{Shots: 1}
	first := submitted("flsync", b, -1)
	first[0].Prepare = append(first[0].Prepare, forget, empty)
	return Scenario{
		Name: "addon", Title: "one shot with 500 textures, beside Flamenco's add-on in Blender", Manager: true, Renews: true,
		Setup: []step{func(ctx context.Context, s *Site) error { return b.Create(ctx, s.Tree, s.Seed()) }, aged},
		Contenders: slices.Concat(first, submitted("flsync, all stored", b, 0),
			addon("Flamenco's add-on", empty), addon("Flamenco's add-on, all stored")),
	}
}

// amongJobs submits a shot that has not changed to a Manager with n other jobs.
func amongJobs(n int) Scenario {
	fill := func(ctx context.Context, s *Site) error {
		_, err := s.runBaseline(ctx, nil, baseline.Work{Kind: "jobs", Connections: n})
		return err
	}
	return Scenario{
		Name: fmt.Sprintf("jobs-%d", n), Title: fmt.Sprintf("one unchanged shot, %d jobs at the Manager", n), Manager: true,
		Setup: []step{batchReady(workload.Batch{Shots: 1}), fill}, Contenders: unchanged(),
		Curve: Point{Table: "jobs", Label: count(n), Per: 1},
	}
}

// bounded measures the memory of runs with many new files.
func bounded(n int) Scenario {
	s := Scenario{
		Name: "memory", Title: fmt.Sprintf("memory of runs with %d files", n),
		Tree: workload.SmallFiles(n), Manager: true, Renews: true, Reps: 1,
		Contenders: slices.Concat(flsyncFirst(), flsyncWarm("flsync, nothing changed", "--checkout", "bench/warm"), submitAll()),
	}
	for _, c := range s.Contenders {
		s.Goals = append(s.Goals, memory(s.Title+", "+c.Name, c.Name, 150))
	}
	return s
}

func distance(link netsim.Link, tree workload.Spec, connections []int) Scenario {
	return Scenario{
		Name:  fmt.Sprintf("distance-%v-%.0fM", link.RTT, link.BitsPerSecond/1e6),
		Title: "first sync over a line of " + link.String(),
		Tree:  tree, Manager: true, Link: link, Reps: 2,
		Contenders: slices.Concat(flsyncFirst(), upperFirst(connections...)),
		Curve:      Point{Table: "distance", Label: link.String(), Per: 1},
	}
}

// walk measures names, times and lookups: there is next to nothing in the files. The largest tree is also synced, but
// for the uploads and the checkout.
func walk(n int, goals bool) Scenario {
	s := Scenario{
		Name: fmt.Sprintf("walk-%d", n), Title: fmt.Sprintf("walk, stat and lookup of %d tiny files", n),
		Tree: workload.Tiny(n), Setup: []step{aged, hashed}, Reps: 3,
		Contenders: slices.Concat(flsyncHash("flsync hash, warm", "tree", nil), find()),
		Curve:      Point{Table: "walk", Label: count(n), Per: float64(n)},
	}
	if goals {
		const sync = "flsync sync --dry-run"
		all := syncs(sync, false, nil, "--dry-run")
		all[0].Once = true
		s.Manager, s.Contenders = true, append(s.Contenders, all...)
		s.Goals = []Goal{
			memory(fmt.Sprintf("sync of %d files up to the checkout, memory", n), sync, 300),
			slower(s.Title+" against find -printf", "flsync hash, warm", "find -printf", 2),
			memory(s.Title+", memory", "flsync hash, warm", 300),
		}
	}
	return s
}

// growth measures whole syncs of more and more files.
func growth(n int) Scenario {
	tree := workload.SmallFiles(n)
	return Scenario{
		Name: fmt.Sprintf("growth-%d", n), Title: fmt.Sprintf("first and warm sync of %d files", n),
		Tree: tree, Manager: true, Reps: 1,
		Contenders: slices.Concat(
			flsyncFirst(),
			flsyncWarm("flsync, nothing changed", "--checkout", "bench/warm"),
		),
		Curve: Point{Table: "growth", Label: count(n), Per: float64(n)},
	}
}

// apart is a scenario with the Manager on cores of its own, as on a farm: a client's work can be hidden behind the
// Manager's then, which it cannot where both want the same cores.
func apart(s Scenario) Scenario {
	s.Name += "-apart"
	s.Title += "; the Manager has one half of the cores, the client the other"
	s.Apart = true
	s.Goals = slices.Clone(s.Goals)
	for i := range s.Goals {
		s.Goals[i].Text += ", each on cores of its own"
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
