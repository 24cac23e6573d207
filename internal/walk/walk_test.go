package walk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flsync/flsync/internal/gate"
)

// warnings collects what a walk warns about, as "code path-from-the-root".
type warnings struct {
	root string
	list []string
}

func (w *warnings) add(x Warning) {
	rel, err := filepath.Rel(w.root, x.Path)
	if err != nil {
		rel = x.Path
	}
	w.list = append(w.list, x.Code+" "+filepath.ToSlash(rel))
}

func (w *warnings) want(t *testing.T, want ...string) {
	t.Helper()
	slices.Sort(w.list)
	slices.Sort(want)
	if diff := cmp.Diff(append([]string(nil), want...), append([]string(nil), w.list...)); diff != "" {
		t.Error("warnings:", diff)
	}
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}

// collect walks and returns Rel of each file, sorted.
func collect(t testing.TB, opt Options, w *warnings) ([]string, error) {
	t.Helper()
	w.root = opt.Root
	opt.Warn = w.add
	var got []string
	var calls sync.Mutex
	err := Walk(t.Context(), opt, func(f File) error {
		if !calls.TryLock() {
			t.Error("two calls at once")
		}
		defer calls.Unlock()
		if !f.Info.Mode().IsRegular() {
			t.Errorf("%s is %v", f.Rel, f.Info.Mode())
		}
		if filepath.Join(opt.Root, filepath.FromSlash(f.Rel)) != f.Path && f.Path != opt.Root {
			t.Errorf("%s and %s do not belong together", f.Rel, f.Path)
		}
		got = append(got, f.Rel)
		return nil
	})
	slices.Sort(got)
	return got, err
}

func walk(t testing.TB, opt Options) ([]string, *warnings) {
	t.Helper()
	w := new(warnings)
	got, err := collect(t, opt, w)
	if err != nil {
		t.Fatal(err)
	}
	return got, w
}

// plant makes files with their own names as contents; those that end in a slash are folders.
func plant(t testing.TB, root string, names ...string) string {
	t.Helper()
	for _, name := range names {
		path := filepath.Join(root, filepath.FromSlash(name))
		dir := filepath.Dir(path)
		if strings.HasSuffix(name, "/") {
			dir = path
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(name, "/") {
			if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
				t.Skip("the system does not take this name:", err)
			}
		}
	}
	return root
}

func link(t testing.TB, root, name, target string) {
	t.Helper()
	if err := os.Symlink(filepath.FromSlash(target), filepath.Join(root, filepath.FromSlash(name))); err != nil {
		t.Skip("no symbolic links here:", err)
	}
}

func TestWalk(t *testing.T) {
	names := []string{"a.blend", "tex/wood.png", "tex/deep/er/stone.png", "shots/sh010/anim.blend", "Bäume/ä ö.exr", "empty file", "x/y/z"}
	root := plant(t, t.TempDir(), append(names, "empty folder/")...)
	got, w := walk(t, Options{Root: root})
	if diff := cmp.Diff(sorted(names), got); diff != "" {
		t.Error(diff)
	}
	w.want(t)
	for _, workers := range []int{1, 2, 50} {
		if got, _ := walk(t, Options{Root: root + string(filepath.Separator), Workers: workers}); len(got) != len(names) {
			t.Errorf("%d workers found %v", workers, got)
		}
	}
}

func TestInfo(t *testing.T) {
	root := plant(t, t.TempDir(), "a.blend")
	err := Walk(t.Context(), Options{Root: root}, func(f File) error {
		want, err := os.Lstat(f.Path)
		if err != nil {
			return err
		}
		if f.Info.Size() != want.Size() || !f.Info.ModTime().Equal(want.ModTime()) || f.Info.Mode() != want.Mode() ||
			f.Info.Name() != want.Name() || f.Info.IsDir() || f.Info.Sys() == nil {
			t.Errorf("got %v, want %v", f.Info, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSingleFile(t *testing.T) {
	root := plant(t, t.TempDir(), "sub/a.blend1") // what is named is wanted, whatever its name
	got, w := walk(t, Options{Root: filepath.Join(root, "sub", "a.blend1")})
	if diff := cmp.Diff([]string{"a.blend1"}, got); diff != "" {
		t.Error(diff)
	}
	w.want(t)
	link(t, root, "link", "sub/a.blend1")
	err := Walk(t.Context(), Options{Root: filepath.Join(root, "link")}, func(f File) error {
		if f.Rel != "link" || filepath.Base(f.Target) != "a.blend1" {
			t.Errorf("%+v", f)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestRootErrors(t *testing.T) {
	for name, opt := range map[string]Options{
		"missing":  {Root: filepath.Join(t.TempDir(), "none")},
		"no root":  {},
		"workers":  {Root: t.TempDir(), Workers: -1},
		"max link": {Root: t.TempDir(), MaxLinked: -1},
	} {
		if err := Walk(t.Context(), opt, func(File) error { return nil }); err == nil {
			t.Errorf("%s: no error", name)
		} else if name == "missing" && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLeftOut(t *testing.T) {
	in := []string{
		"a.blend", "a.blend0", "a.blend33", "a.blend01", "a.blendx", "blend1", "my.gitignore", ".gitignore", "CVSs/x",
		"thumbs.dbx", "x/desktop.in", "~tilde", ".hidden", ".hidden folder/x", "a.png", "lost", "git/x", "Trash/x", gate.IgnoreFile,
	}
	out := []string{
		".git/config", ".svn/x", "sub/.hg/x", "CVS/x", ".bzr/x", "module/.git",
		"a.blend1", "sub/a.blend32", "a.blend9", "a.blend@", "x.y.blend2",
		".DS_Store", "sub/.DS_Store", "._a.png", "Thumbs.db", "THUMBS.DB", "desktop.ini", "Desktop.ini", "ehthumbs.db",
		"a.txt~", ".directory", ".nfs0001", ".fuse_hidden01", ".~lock.a.ods#",
		"$RECYCLE.BIN/x", "System Volume Information/x", "lost+found/x", ".Trash-1000/x", ".Spotlight-V100/x", "__MACOSX/x",
	}
	root := plant(t, t.TempDir(), append(slices.Clone(in), out...)...)
	if err := os.WriteFile(filepath.Join(root, gate.IgnoreFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	got, w := walk(t, Options{Root: root})
	if diff := cmp.Diff(sorted(in), got); diff != "" {
		t.Error(diff)
	}
	w.want(t)

	if err := os.WriteFile(filepath.Join(root, gate.IgnoreFile), []byte("!a.blend1\n!.git/\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, _ = walk(t, Options{Root: root})
	if diff := cmp.Diff(sorted(append(in, "a.blend1", ".git/config")), got); diff != "" {
		t.Error("brought back:", diff)
	}
}

func patterns(t *testing.T, root string, texts ...string) *gate.Patterns {
	t.Helper()
	p, err := gate.ParsePatterns(texts, root)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestOnly holds that nothing else is listed, and that folders which cannot hold it are not read.
func TestOnly(t *testing.T) {
	root := plant(t, t.TempDir(), "a", "tex/b", "tex/sub/c", "texture", "shots/s/d", "shots/t/e")
	for want, only := range map[string][]string{
		"tex/b tex/sub/c": {"tex"}, "tex/b": {"tex/b"}, "shots/s/d": {"shots/s"}, "a shots/t/e": {"a", "shots/t"}, "": {"none"},
		"a shots/s/d shots/t/e tex/b tex/sub/c texture": {"tex", "."},
	} {
		got, _ := walk(t, Options{Root: root, Only: only})
		if diff := cmp.Diff(want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%q: %s", only, diff)
		}
	}
}

func TestExclude(t *testing.T) {
	names := []string{"a.exr", "a.png", "cache/x.exr", "cache/y.png", "sub/cache/z", "sub/b.exr", "sub/deep/c.png", "sub/cache.txt", "{x}"}
	root := plant(t, t.TempDir(), names...)
	for _, c := range []struct {
		exclude []string
		want    string
	}{
		{[]string{"*.exr"}, "a.png cache/y.png sub/cache.txt sub/cache/z sub/deep/c.png {x}"},
		{[]string{"cache"}, "a.exr a.png sub/b.exr sub/cache.txt sub/deep/c.png {x}"},
		{[]string{"cache/"}, "a.exr a.png sub/b.exr sub/cache.txt sub/deep/c.png {x}"},
		{[]string{"a.png/"}, "a.exr a.png cache/x.exr cache/y.png sub/b.exr sub/cache.txt sub/cache/z sub/deep/c.png {x}"},
		{[]string{"/cache"}, "a.exr a.png sub/b.exr sub/cache.txt sub/cache/z sub/deep/c.png {x}"},
		{[]string{"sub/**"}, "a.exr a.png cache/x.exr cache/y.png {x}"},
		{[]string{"**/*.{exr,png}"}, "sub/cache.txt sub/cache/z {x}"},
		{[]string{"sub/*.exr", "c*"}, "a.exr a.png {x}"},
	} {
		got, _ := walk(t, Options{Root: root, Exclude: patterns(t, root, c.exclude...)})
		if slices.Equal(c.exclude, []string{"sub/*.exr", "c*"}) {
			c.want = "a.exr a.png {x}"
		}
		if diff := cmp.Diff(strings.Fields(c.want), got); diff != "" {
			t.Errorf("%q: %s", c.exclude, diff)
		}
	}
	// A rule cannot bring back what the command line excludes.
	if err := os.WriteFile(filepath.Join(root, gate.IgnoreFile), []byte("!a.exr"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, _ := walk(t, Options{Root: root, Exclude: patterns(t, root, "a.exr")}); slices.Contains(got, "a.exr") {
		t.Error("a.exr was brought back")
	}
}

func TestLinks(t *testing.T) {
	outside := plant(t, t.TempDir(), "secret", "folder/secret")
	root := plant(t, t.TempDir(), "a", "lib/tex/wood.png", "lib/tex/sub/x", "shots/sh010/s.blend", ".git/config", "v/v1/f", "v/v2/f")
	link(t, root, "to-a", "a")
	link(t, root, "to-to-a", "to-a")
	link(t, root, "shots/sh010/tex", "../../lib/tex")
	link(t, root, "v/latest", "v2")
	link(t, root, "shots/v", "../v/latest")
	link(t, root, "lib/up", "..")
	link(t, root, "lib/tex/self", ".")
	link(t, root, "lib/tex/sub/round", "../../../shots/sh010")
	link(t, root, "ring1", "ring2")
	link(t, root, "ring2", "ring1")
	link(t, root, "broken", "none")
	link(t, root, "outside", filepath.Join(outside, "secret"))
	link(t, root, "outside-folder", filepath.Join(outside, "folder"))
	link(t, root, "shots/dotdot", "../../"+filepath.Base(outside)+"/secret")
	link(t, root, "CVS", "lib") // a folder behind a link is a folder to the rules
	link(t, root, "absolute", filepath.Join(root, "a"))
	got, w := walk(t, Options{Root: root})
	want := []string{
		"a", "absolute", "lib/tex/sub/x", "lib/tex/wood.png", "shots/sh010/s.blend", "to-a", "to-to-a", "v/v1/f", "v/v2/f",
		"v/latest/f", "shots/v/f", "shots/sh010/tex/sub/x", "shots/sh010/tex/wood.png",
		"lib/tex/sub/round/s.blend",
	}
	if diff := cmp.Diff(sorted(want), got); diff != "" {
		t.Error(diff)
	}
	w.want(t,
		"loop lib/up", "loop lib/tex/self", "loop ring1", "loop ring2", "link-broken broken",
		"link-outside outside", "link-outside outside-folder", "link-outside shots/dotdot",
		// The same folder under other paths.
		"loop shots/sh010/tex/self", "loop shots/sh010/tex/sub/round", "loop lib/tex/sub/round/tex")

	err := Walk(t.Context(), Options{Root: root}, func(f File) error {
		if f.Rel == "to-to-a" {
			target, err := filepath.EvalSymlinks(filepath.Join(root, "a"))
			if err != nil || f.Target != target || f.Info.Size() != 1 || f.Info.Mode()&fs.ModeSymlink != 0 {
				t.Errorf("%+v", f)
			}
		} else if (f.Target != "") != (strings.HasPrefix(f.Rel, "to-") || f.Rel == "absolute") {
			t.Errorf("%s has the target %q", f.Rel, f.Target)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}

	// A root that is a link is followed, and links inside may lead anywhere below it.
	base := t.TempDir()
	link(t, base, "root", root)
	again, _ := walk(t, Options{Root: filepath.Join(base, "root")})
	if diff := cmp.Diff(got, again); diff != "" {
		t.Error("through a link:", diff)
	}
}

// Folders that link to each other look like 2^n folders.
func TestLinkFarm(t *testing.T) {
	root := t.TempDir()
	const n = 14
	for i := range n {
		plant(t, root, fmt.Sprintf("d%d/f", i))
		if i > 0 {
			link(t, root, fmt.Sprintf("d%d/x", i-1), fmt.Sprintf("../d%d", i))
			link(t, root, fmt.Sprintf("d%d/y", i-1), fmt.Sprintf("../d%d", i))
		}
	}
	var w warnings
	got, err := collect(t, Options{Root: root, MaxLinked: 500}, &w)
	var incomplete *IncompleteError
	if !errors.As(err, &incomplete) || incomplete.Errors[0].Code != CodeTooManyLinks {
		t.Errorf("error %v", err)
	}
	if len(got) < n || len(got) > n+500 {
		t.Errorf("%d files", len(got))
	}
}

func TestNames(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other file systems do not take these names")
	}
	long := strings.Repeat("n", 255)
	good := []string{"line\nfeed", "tab\tquote\"", long, "sub/" + long, "-rf", " ", "sub/c:x", "ünïcödé", "日本語/雪.exr", "ab:c"}
	bad := map[string]string{
		"latin1-\xe9": CodeNameEncoding, "bad\xff/inside": CodeNameEncoding, `a\b`: CodeNameUnsafe, `..\..\evil`: CodeNameUnsafe,
		"c:drive": CodeNameUnsafe, "C:": CodeNameUnsafe, "a:b": CodeNameUnsafe,
	}
	root := plant(t, t.TempDir(), good...)
	var missing []string
	for name, code := range bad {
		plant(t, root, name)
		missing = append(missing, code+" "+strings.TrimSuffix(name, "/inside"))
	}
	var w warnings
	got, err := collect(t, Options{Root: root}, &w)
	if diff := cmp.Diff(sorted(good), got); diff != "" {
		t.Error(diff)
	}
	w.want(t, missing...)
	var incomplete *IncompleteError
	if !errors.As(err, &incomplete) || incomplete.Count != len(bad) || len(incomplete.Errors) != len(bad) {
		t.Errorf("error %v", err)
	}
}

func TestNameClashes(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other file systems take these names for one")
	}
	root := plant(t, t.TempDir(), "Wood.png", "wood.png", "WOOD.PNG", "tex/é.png", "tex/e\u0301.png", "Tex/x", "other/Straße", "other/STRASSE",
		"fine/a", "fine/b", "ignored/a.blend1", "ignored/A.blend1")
	got, w := walk(t, Options{Root: root})
	if len(got) != 10 {
		t.Errorf("not all are listed: %q", got)
	}
	w.want(t, "name-clash WOOD.PNG", "name-clash tex/e\u0301.png", "name-clash Tex", "name-clash other/STRASSE")
}

// A folder that needs many readings, by several workers.
func TestLargeFolder(t *testing.T) {
	const n = 1000
	root := t.TempDir()
	want := make([]string, n)
	for i := range want {
		want[i] = fmt.Sprintf("a file with a long name, so that few go into one buffer %05d", i)
		if i%50 == 0 {
			want[i] += "/f"
		}
	}
	plant(t, root, want...)
	plant(t, root, "A FILE WITH A LONG NAME, SO THAT FEW GO INTO ONE BUFFER 00001")
	got, w := walk(t, Options{Root: root})
	if diff := cmp.Diff(sorted(append(want, "A FILE WITH A LONG NAME, SO THAT FEW GO INTO ONE BUFFER 00001")), got); diff != "" {
		t.Error(diff)
	}
	w.want(t, "name-clash A FILE WITH A LONG NAME, SO THAT FEW GO INTO ONE BUFFER 00001")
}

func TestStops(t *testing.T) {
	root := t.TempDir()
	for i := range 50 {
		plant(t, root, fmt.Sprintf("d%d/a", i), fmt.Sprintf("d%d/b", i))
	}
	stop := errors.New("stop")
	calls := 0
	err := Walk(t.Context(), Options{Root: root}, func(File) error {
		if calls++; calls == 10 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || calls != 10 {
		t.Errorf("%v after %d calls", err, calls)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	calls = 0
	err = Walk(ctx, Options{Root: root}, func(File) error {
		if calls++; calls == 10 {
			cancel(stop)
			<-ctx.Done()
		}
		return nil
	})
	if !errors.Is(err, stop) || calls > 100 {
		t.Errorf("%v after %d calls", err, calls)
	}
	if err := Walk(ctx, Options{Root: root}, func(File) error { return nil }); !errors.Is(err, stop) {
		t.Errorf("cancelled before it began: %v", err)
	}
}

// Rules of folders below: the nearest file that speaks of a path decides.
func TestNestedRules(t *testing.T) {
	root := t.TempDir()
	files := map[string]string{
		gate.IgnoreFile:              "*.tmp\n/only\nshots/a.exr\n",
		"x.tmp":                      "out",
		"only":                       "out",
		"shots/only":                 "in",
		"shots/a.exr":                "out",
		"shots/b.exr":                "in",
		"shots/" + gate.IgnoreFile:   "!keep.tmp\n/b/\n*.bak",
		"shots/keep.tmp":             "in",
		"shots/x.tmp":                "out",
		"shots/b/c":                  "out",
		"shots/d/b/c":                "in",
		"shots/d/x.bak":              "out",
		"x.bak":                      "in",
		"shots/d/" + gate.IgnoreFile: "!x.bak\n# comment\n",
	}
	files["shots/d/x.bak"] = "in"
	files["shots/e/x.bak"] = "out"
	want := []string{}
	for name, is := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(is), 0o600); err != nil {
			t.Fatal(err)
		}
		if is == "in" || filepath.Base(name) == gate.IgnoreFile {
			want = append(want, name)
		}
	}
	got, w := walk(t, Options{Root: root})
	if diff := cmp.Diff(sorted(want), got); diff != "" {
		t.Error(diff)
	}
	w.want(t)
}

func TestIgnoreFileThatCannotBeTrusted(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"a": "x", "sub/b": "x", "sub/" + gate.IgnoreFile: strings.Repeat("# long\n", gate.MaxIgnoreFile/7+1),
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var w warnings
	got, err := collect(t, Options{Root: root}, &w)
	if diff := cmp.Diff([]string{"a"}, got); diff != "" {
		t.Error(diff)
	}
	w.want(t, "unreadable sub")
	if err == nil || !strings.Contains(err.Error(), gate.IgnoreFile) {
		t.Errorf("error %v does not name the file", err)
	}
}
