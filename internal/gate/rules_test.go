package gate

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/flsync/flsync/internal/lab/long"
	"github.com/flsync/flsync/internal/place"
)

// rulesCase is an ignore file and paths that it leaves out or not. Folders end in a slash.
type rulesCase struct {
	rules string
	out   string // paths, separated by spaces
	in    string
}

var rulesCases = map[string]rulesCase{
	"name":               {"foo", "foo foo/ a/foo a/b/foo foo/x", "foobar xfoo a/foobar"},
	"comment and blank":  {"#foo\n\n   \nbar", "bar", "foo #foo"},
	"escaped comment":    {`\#foo`, "#foo", "foo"},
	"escaped not":        {`\!foo`, "!foo", "foo"},
	"star":               {"*.exr", "a.exr .exr x/y.exr", "a.exr2 exr"},
	"star in the middle": {"a*z", "az abcz x/a-z", "azb ab/z"},
	"stars":              {"a*b*c*d", "abcd a-b-c-d abbccd", "abdc abc"},
	"question mark":      {"fil?", "file film x/fils", "fil files"},
	"one byte":           {"a?b", "axb", "aéb"},
	"anchored":           {"/foo", "foo foo/ foo/x", "a/foo"},
	"anchored in middle": {"a/foo", "a/foo a/foo/x", "b/a/foo foo"},
	"folder":             {"foo/", "foo/ a/foo/ foo/x", "foo a/foo"},
	"anchored folder":    {"/foo/", "foo/ foo/x", "foo a/foo/"},
	"star and folder":    {"a/*/", "a/b/ a/b/c", "a/b a/b.txt"},
	"star stops":         {"a/*", "a/b a/b/", "b/a/b a"},
	"star stops at /":    {"a/*c", "a/bc a/c", "a/b/c"},
	"leading **":         {"**/foo", "foo a/foo a/b/foo", "afoo"},
	"leading ** deep":    {"**/a/b", "a/b x/a/b x/y/a/b", "a/x/b"},
	"trailing **":        {"a/**", "a/b a/b/c", "a x/a/b"},
	"middle **":          {"a/**/b", "a/b a/x/b a/x/y/b", "ab x/a/b a/xb"},
	"two **":             {"a/**/b/**/c", "a/b/c a/x/b/y/z/c a/b/b/c", "a/c a/x/c"},
	"** in a name":       {"a**b", "ab axxb", "a/b"},
	"** in a long name":  {"x/a**b", "x/ab x/axxb", "x/a/b"},
	"three stars":        {"a/***/b", "a/b a/x/y/b", "ab"},
	"only **":            {"**", "a a/b", ""},
	"not":                {"*.exr\n!keep.exr", "a.exr x/b.exr", "keep.exr x/keep.exr"},
	"not again":          {"*.exr\n!keep.exr\nkeep.exr", "a.exr keep.exr", ""},
	"not in a folder":    {"foo/\n!foo/bar", "foo/ foo/bar", ""},
	"not in a star":      {"foo/*\n!foo/bar", "foo/a foo/b", "foo/bar"},
	"all but one folder": {"/*\n!/keep\n/keep/*\n!/keep/bar", "a b/ keep/x", "keep/ keep/bar"},
	"spaces at the end":  {"foo   ", "foo", "x"},
	"escaped space":      {`foo\ `, "", "foo"},
	"bracket":            {"f[ou]o", "foo fuo", "fao f[ou]o"},
	"bracket range":      {"v[0-9a-c]", "v0 v9 vb", "vd v- v"},
	"bracket not":        {"v[!0-9]", "va v-", "v0 v9"},
	"bracket not ^":      {"v[^0-9]", "va v-", "v0"},
	"bracket ]":          {"v[]a]", "v] va", "v[ vb"},
	"bracket not ]":      {"v[!]a]", "vb", "v] va"},
	"bracket -":          {"v[-a] w[a-]", "", "v- va"},
	"bracket - first":    {"v[-a]", "v- va", "vb"},
	"bracket - last":     {"v[a-]", "v- va", "vb"},
	"bracket backwards":  {"v[z-a]", "vz", "va vm v-"},
	"bracket escape":     {`v[\]a]`, "v] va", `v\`},
	"bracket class":      {"v[[:digit:][:upper:]]", "v1 vA", "va v:"},
	"bracket wrong":      {"v[[:nonsense:]]", "", "v1 v: vn"},
	"bracket half class": {"v[[:a]", "v: va v[", "vb"},
	"bracket open":       {"v[0", "", "v0"},
	"bracket and slash":  {"a[/]b", "", "a/b ab"},
	"escape":             {`f\*o`, "f*o", "fxo"},
	"escape at the end":  {`foo\`, "", `foo foo\`},
	"double escape":      {`foo\\`, `foo\`, "foo"},
	"escaped slash":      {`a\/b`, "a/b", "b/a"},
	"only a slash":       {"/", "", "a a/ /"},
	"only !":             {"!", "", "a !"},
	"two slashes":        {"a//b", "", "a/b"},
	"double at the end":  {"a//", "", "a/ a"},
	"carriage return":    {"foo\r\nbar\r\n", "foo bar", "x"},
	"byte order mark":    {"\ufefffoo", "foo", "x"},
	"braces":             {"{a,b}", "{a,b}", "a b"},
	"dot":                {".*", ".a x/.b .c/", "a a.b"},
	"case":               {"Foo", "Foo", "foo FOO"},
	"unicode":            {"Bäume/*.png", "Bäume/a.png", "Bäume/a.exr"},
	"slow":               {"a*a*a*a*a*a*a*a*a*a*a*a*b", "", strings.Repeat("a", 60)},
	"slow **":            {strings.Repeat("**/a/", 12) + "b", "", strings.Repeat("a/", 40) + "c"},
}

// decide asks the rules about a path as a walk does: folder by folder.
func decide(r *Rules, path string) bool {
	isDir := strings.HasSuffix(path, "/")
	path = strings.TrimSuffix(path, "/")
	for i := 0; i <= len(path); i++ {
		if i < len(path) && path[i] != '/' || i == 0 {
			continue
		}
		if out, decided := r.Judge(path[:i], i < len(path) || isDir); decided && out {
			return true
		}
	}
	return false
}

func TestRules(t *testing.T) {
	for name, c := range rulesCases {
		r := parseRules([]byte(c.rules), "", place.Rules{}, nil)
		for _, p := range strings.Fields(c.out) {
			if !decide(r, p) {
				t.Errorf("%s: %q does not leave out %q", name, c.rules, p)
			}
		}
		for _, p := range strings.Fields(c.in) {
			if decide(r, p) {
				t.Errorf("%s: %q leaves out %q", name, c.rules, p)
			}
		}
	}
}

// git is the judge. It looks at real files, since it matters what is a folder.
type git struct{ dir string }

func newGit(t testing.TB) *git {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	g := &git{t.TempDir()}
	if out, err := g.command("init", "-q").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return g
}

func (g *git) command(args ...string) *exec.Cmd {
	cmd := exec.Command("git", args...)
	cmd.Dir = g.dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull, "GIT_CEILING_DIRECTORIES="+filepath.Dir(g.dir))
	return cmd
}

// plant makes files, and folders from names that end in a slash, and returns those that could be made.
func (g *git) plant(names []string) (made []string) {
	for _, name := range names {
		path := filepath.Join(g.dir, name)
		var err error
		if strings.HasSuffix(name, "/") {
			err = os.MkdirAll(path, 0o700)
		} else if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
			err = os.WriteFile(path, nil, 0o600)
		}
		if err == nil {
			made = append(made, name)
		}
	}
	return made
}

// ignored asks which of the paths are left out.
func (g *git) ignored(t testing.TB, paths []string) map[string]bool {
	t.Helper()
	cmd := g.command("check-ignore", "--no-index", "-z", "--stdin")
	var ask, stderr bytes.Buffer
	for _, p := range paths {
		fmt.Fprintf(&ask, "%s\x00", strings.TrimSuffix(p, "/"))
	}
	cmd.Stdin, cmd.Stderr = &ask, &stderr
	output, err := cmd.Output()
	if err != nil && cmd.ProcessState.ExitCode() != 1 { // 1: none is ignored
		t.Fatalf("%v: %s", err, stderr.String())
	}
	found := make(map[string]bool)
	for p := range strings.SplitSeq(string(output), "\x00") {
		found[p] = true
	}
	return found
}

func TestRulesAgainstGit(t *testing.T) {
	g := newGit(t)
	folders := make(map[string]string)
	paths := make(map[string][]string)
	var all []string
	for name, c := range rulesCases {
		if strings.HasPrefix(name, "slow") { // git needs minutes for it
			continue
		}
		folder := fmt.Sprintf("case%d/", len(folders))
		folders[name] = folder
		for p := range strings.FieldsSeq(c.in + " " + c.out) {
			if !strings.HasPrefix(p, "/") {
				paths[name] = append(paths[name], g.plant([]string{folder + p})...)
			}
		}
		g.plant([]string{folder + ".gitignore"})
		if err := os.WriteFile(filepath.Join(g.dir, folder, ".gitignore"), []byte(c.rules), 0o600); err != nil {
			t.Fatal(err)
		}
		all = append(all, paths[name]...)
	}
	if len(all) < 150 {
		t.Fatalf("only %d paths could be made", len(all))
	}
	want := g.ignored(t, all)
	for name, folder := range folders {
		r := parseRules([]byte(rulesCases[name].rules), "", place.Rules{}, nil)
		for _, p := range paths[name] {
			if got := decide(r, strings.TrimPrefix(p, folder)); got != want[strings.TrimSuffix(p, "/")] {
				t.Errorf("%s: %q and %q: left out %v, git says otherwise", name, rulesCases[name].rules, p, got)
			}
		}
	}
}

// quirk: git takes x**/ for a ** of its own, against its manual, because it has cut off the literal x before
// it looks.
var quirk = regexp.MustCompile(`(?m)[^/*\n!]\*\*+(/|$)`)

// Patterns and paths are made of few letters, so that they meet often.
func TestRandomRulesAgainstGit(t *testing.T) {
	g := newGit(t)
	r := rand.New(rand.NewPCG(11, 12))
	pieces := []string{"a", "b", "a", "b", "/", "/", "*", "**", "**/", "/**", "?", "[ab]", "[!a]", "[a-b]", `\a`, `\`, "[", "]", "!", "-", " ", "[[:alpha:]]", `[\]a]`, "ab", "[]-b]", "."}
	text := func(n int, from []string) string {
		var s strings.Builder
		for range 1 + r.IntN(n) {
			s.WriteString(from[r.IntN(len(from))])
		}
		return s.String()
	}
	var paths []string
	for range 300 {
		p := filepath.Clean(strings.Trim(text(7, []string{"a", "b", "ab", "/", "-", "]", ".x"}), "/"))
		if r.IntN(3) == 0 {
			p += "/"
		}
		if p[0] != '.' || len(p) > 2 {
			paths = append(paths, g.plant([]string{p})...)
		}
	}
	rounds := 20
	if long.Wanted() {
		rounds = 150
	}
	for range rounds {
		var lines []string
		for range 1 + r.IntN(3) {
			lines = append(lines, text(6, pieces))
		}
		rules := strings.Join(lines, "\n")
		if quirk.MatchString(rules) {
			continue
		}
		if err := os.WriteFile(filepath.Join(g.dir, ".gitignore"), []byte(rules), 0o600); err != nil {
			t.Fatal(err)
		}
		parsed := parseRules([]byte(rules), "", place.Rules{}, nil)
		want := g.ignored(t, paths)
		for _, p := range paths {
			if got := decide(parsed, p); got != want[strings.TrimSuffix(p, "/")] {
				t.Errorf("%q and %q: left out %v, git says otherwise", rules, p, got)
			}
		}
	}
}

func FuzzRules(f *testing.F) {
	for _, c := range rulesCases {
		f.Add(c.rules, strings.ReplaceAll(c.out+" "+c.in, " ", "/"))
	}
	f.Fuzz(func(t *testing.T, text, path string) {
		if strings.Trim(path, "/") != "" {
			decide(parseRules([]byte(text), "", place.Rules{}, nil), path)
		}
	})
}

func BenchmarkRules(b *testing.B) {
	var text strings.Builder
	for i := range 20 {
		fmt.Fprintf(&text, "*.tmp%d\n/cache%d/\nshots/**/old%d\n", i, i, i)
	}
	r := parseRules([]byte(text.String()), "", place.Rules{}, nil)
	b.ReportAllocs()
	for b.Loop() {
		r.Judge("shots/sq010/sh0100/comp/frame.0001.exr", false)
	}
}
