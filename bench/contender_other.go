package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/flsync/flsync/bench/baseline"
)

// baseline runs one of our baselines in a process of its own. The wall time is
// that which it measures itself.
func (s *Site) baseline(ctx context.Context, env []string, args ...string) (Sample, error) {
	var out bytes.Buffer
	sample, err := s.measure(ctx, command{path: s.Self, args: append([]string{"baseline"}, args...), env: env, stdout: &out})
	if err != nil {
		return sample, err
	}
	var o baseline.Outcome
	if err := json.Unmarshal(out.Bytes(), &o); err != nil {
		return sample, fmt.Errorf("baseline %s said %q", args[0], out.Bytes())
	}
	sample.Wall = o.Seconds
	sample.Extra = map[string]float64{"retries": float64(o.Retries)}
	return sample, nil
}

// list is where the tree's files and digests are written down for baselines.
func (s *Site) list() string { return s.Path("list.json") }

// listed writes the list.
func listed(ctx context.Context, s *Site) error {
	specs, err := s.Scenario.Tree.Manifest(ctx, s.Tree)
	if err != nil {
		return err
	}
	data, err := json.Marshal(specs)
	if err != nil {
		return err
	}
	return os.WriteFile(s.list(), data, 0o666)
}

func freshAndListed(ctx context.Context, s *Site) error {
	if err := freshTree(ctx, s); err != nil {
		return err
	}
	return listed(ctx, s)
}

const upperBound = "upper bound"

// upperFirst are upper bounds with one to many connections; the best counts.
func upperFirst(connections ...int) (all []Contender) {
	for _, n := range connections {
		all = append(all, Contender{
			Name: upperBound + ", " + connectionsText(n), Group: upperBound, Prepare: freshAndListed,
			Run: func(ctx context.Context, s *Site) (Sample, error) {
				return s.baseline(ctx, nil, "upper", "--url", s.URL, "--root", s.Tree, "--list", s.list(), "--connections", strconv.Itoa(n))
			},
		})
	}
	return all
}

func connectionsText(n int) string {
	if n == 1 {
		return "1 connection"
	}
	return fmt.Sprintf("%d connections", n)
}

// upperWarm is what remains for a client that knows all digests when the
// Manager has all files, or a part of it: requirements, checkout or whole.
func upperWarm(name, part string) []Contender {
	return []Contender{{Name: name, Run: func(ctx context.Context, s *Site) (Sample, error) {
		return s.baseline(ctx, nil, "upper", "--url", s.URL, "--root", s.Tree, "--list", s.list(), "--part", part)
	}}}
}

// serialFirst is the client that works as the add-on does.
func serialFirst() []Contender {
	return []Contender{{Name: "serial client", Once: true, Prepare: freshAndListed, Run: func(ctx context.Context, s *Site) (Sample, error) {
		return s.baseline(ctx, nil, "serial", "--url", s.URL, "--root", s.Tree, "--list", s.list())
	}}}
}

// hashPass goes over the tree's files with digests and nothing else.
func hashPass(name, group string, pass baseline.HashPass, env ...string) []Contender {
	return []Contender{{Name: name, Group: group, Run: func(ctx context.Context, s *Site) (Sample, error) {
		return s.baseline(ctx, env, "hash", "--root", s.Tree, "--digests", strings.Join(pass.Digests, ","),
			"--threads", strconv.Itoa(pass.Threads), "--block", strconv.Itoa(pass.Block), "--memory="+strconv.FormatBool(pass.Memory))
	}}}
}

// tool is a command line of plain tools, in which $1 is the tree.
func tool(name, needs, line string) []Contender {
	return []Contender{{Name: name, Needs: needs, Run: func(ctx context.Context, s *Site) (Sample, error) {
		return s.measure(ctx, command{path: "sh", args: []string{"-c", line, "sh", s.Tree}})
	}}}
}

// find reads what flsync needs to know of each file: names, sizes, both times,
// inode and device.
func find() []Contender {
	return tool("find -printf", "find", `exec find "$1" -printf '%p %s %T@ %C@ %i %D\n'`)
}

// rsyncURL is that of a daemon, which is started for the first who asks.
func (s *Site) rsyncURL(ctx context.Context) (string, error) {
	if s.rsync != "" {
		return s.rsync, nil
	}
	if err := os.MkdirAll(s.Path("rsync"), 0o777); err != nil {
		return "", err
	}
	server, url, err := startRsync(ctx, s.Path("rsyncd.conf"), s.Path("rsync"))
	if err != nil {
		return "", err
	}
	s.services = append(s.services, server)
	s.rsync = url
	return url, nil
}

func (s *Site) runRsync(ctx context.Context) (Sample, error) {
	url, err := s.rsyncURL(ctx)
	if err != nil {
		return Sample{}, err
	}
	return s.measure(ctx, command{path: "rsync", args: []string{"-a", s.Tree + "/", url + "tree/"}})
}

// rsyncFirst sends the whole tree to an rsync daemon that has nothing.
func rsyncFirst() []Contender {
	return []Contender{{Name: "rsync -a", Needs: "rsync", Prepare: func(ctx context.Context, s *Site) error {
		if err := os.RemoveAll(s.Path("rsync/tree")); err != nil {
			return err
		}
		_, err := s.rsyncURL(ctx)
		return err
	}, Run: func(ctx context.Context, s *Site) (Sample, error) { return s.runRsync(ctx) }}}
}

// rsyncWarm sends a tree of which the daemon has everything.
func rsyncWarm() []Contender {
	return []Contender{{Name: "rsync -a", Needs: "rsync", Prepare: func(ctx context.Context, s *Site) error {
		_, err := s.runRsync(ctx) // the first time it sends all, then nothing
		return err
	}, Run: func(ctx context.Context, s *Site) (Sample, error) { return s.runRsync(ctx) }}}
}
