package gate

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/flsync/flsync/internal/place"
)

func TestPatterns(t *testing.T) {
	files := strings.Fields("a.png textures/b.png textures/deep/c.exr shots/textures/d.png shots/x/e.png x shots/keep.png wip{1}.png #1.png")
	for _, c := range []struct {
		patterns string // separated by spaces
		want     string // what stays
	}{
		{"textures", "a.png shots/x/e.png x shots/keep.png wip{1}.png #1.png"},
		{"textures/", "a.png shots/x/e.png x shots/keep.png wip{1}.png #1.png"},
		{"/textures", "a.png shots/textures/d.png shots/x/e.png x shots/keep.png wip{1}.png #1.png"},
		{"/textures/", "a.png shots/textures/d.png shots/x/e.png x shots/keep.png wip{1}.png #1.png"},
		{"textures/**", "a.png shots/textures/d.png shots/x/e.png x shots/keep.png wip{1}.png #1.png"},
		{"textures/*.png", "a.png textures/deep/c.exr shots/textures/d.png shots/x/e.png x shots/keep.png wip{1}.png #1.png"},
		{"./textures/b.png", "a.png textures/deep/c.exr shots/textures/d.png shots/x/e.png x shots/keep.png wip{1}.png #1.png"},
		{"*.png", "textures/deep/c.exr x"},
		{"*.png !keep.png", "textures/deep/c.exr x shots/keep.png"},
		{"!keep.png *.png", "textures/deep/c.exr x"},
		{"**/x", "a.png textures/b.png textures/deep/c.exr shots/textures/d.png shots/keep.png wip{1}.png #1.png"},
		{"x/", "a.png textures/b.png textures/deep/c.exr shots/textures/d.png x shots/keep.png wip{1}.png #1.png"},
		{"shots/{x,textures}", "a.png textures/b.png textures/deep/c.exr x shots/keep.png wip{1}.png #1.png"},
		{`wip\{1\}.png #1.png`, "a.png textures/b.png textures/deep/c.exr shots/textures/d.png shots/x/e.png x shots/keep.png"},
		{"*.{exr,p{n,s}g}", "x"},
		{"ROOT/textures", "a.png shots/textures/d.png shots/x/e.png x shots/keep.png wip{1}.png #1.png"},
		{"!ROOT/a.png", strings.Join(files, " ")},
	} {
		root := t.TempDir()
		p, err := ParsePatterns(strings.Fields(strings.ReplaceAll(c.patterns, "ROOT", root)), root)
		if err != nil {
			t.Error(err)
			continue
		}
		var stay []string
		for _, f := range files {
			if !p.MatchFile(f) {
				stay = append(stay, f)
			}
		}
		if diff := cmp.Diff(strings.Fields(c.want), stay); diff != "" {
			t.Errorf("%s: %s", c.patterns, diff)
		}
	}
}

func TestPatternsUnused(t *testing.T) {
	p, err := ParsePatterns([]string{"*.png", "a.*", "textures", "*.exr"}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"a.png", "b.png", "x/textures/y"} {
		p.MatchFile(f)
	}
	var unused []string
	p.Used(func(text string, used bool) {
		if !used {
			unused = append(unused, text)
		}
	})
	if diff := cmp.Diff([]string{"*.exr"}, unused); diff != "" {
		t.Error(diff)
	}
}

func TestPatternsThatMeanNothing(t *testing.T) {
	for _, text := range []string{"", "/", "!", "[a", "x/[", "{a", "a{b,{c}", `a\`, strings.Repeat("{s,ss}", 28), strings.Repeat("{a,", 2000)} {
		if _, err := ParsePatterns([]string{text}, t.TempDir()); err == nil || text != "" && !strings.Contains(err.Error(), text[:1]) {
			t.Errorf("%.20q: got %v, want an error that names it", text, err)
		}
	}
	if err := CheckPattern(strings.Repeat("{s,ss}", 9)); err != nil {
		t.Error(err)
	}
}

func TestRelativePattern(t *testing.T) {
	for _, c := range []struct {
		text, root string
		separator  rune
		want       string // "": an error
	}{
		{`textures\*`, `C:\proj`, '\\', "textures/*"},
		{`!textures\a.png`, `C:\proj`, '\\', "!textures/a.png"},
		{`c:\PROJ\textures`, `C:\proj`, '\\', "/textures"},
		{`C:\proj\textures\`, `C:\proj\`, '\\', "/textures/"},
		{`D:\proj\textures`, `C:\proj`, '\\', ""},
		{`C:\project\textures`, `C:\proj`, '\\', ""},
		{`\\server\proj\tex`, `\\server\proj`, '\\', "/tex"},
		{`\\other\proj\tex`, `\\server\proj`, '\\', ""},
		{`\textures`, `C:\proj`, '\\', "/textures"},
		{`tex\*`, "/proj", '/', `tex\*`},
		{"/proj/tex/", "/proj", '/', "/tex/"},
		{"/proj2/tex", "/proj", '/', "/proj2/tex"},
		{"/tex", "/", '/', "/tex"},
		{`\\?\C:\Proj\textures`, `C:\proj`, '\\', "/textures"},
		{`c:\proj\*`, `\\?\C:\proj`, '\\', "/*"},
		{`\\?\UNC\Server\Proj\tex`, `\\server\proj`, '\\', "/tex"},
		{`\\SERVER\Proj\tex`, `\\server\proj`, '\\', "/tex"},
		{`C:\proj\shots\..\textures\`, `C:\proj`, '\\', "/textures/"},
		{`\PROJ\textures`, `C:\proj`, '\\', "/textures"},
		{`C:\proj\textures. `, `C:\proj`, '\\', "/textures"},
		{`textures.\*.`, `C:\proj`, '\\', "textures/*."},
		{`..\proj\textures`, `C:\proj`, '\\', ""},
		{`C:\proj`, `C:\proj`, '\\', ""},
		{`C:textures`, `C:\proj`, '\\', ""},
		{`textures/../audio`, "/proj", '/', ""},
		{"/proj/a/../tex", "/proj", '/', "/tex"},
		{"tex. ", "/proj", '/', "tex. "},
	} {
		got, err := relativePattern(c.text, c.root, c.separator, place.Rules{Case: c.separator == 0x5c})
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s in %s: got %q, %v, want %q", c.text, c.root, got, err, c.want)
		}
	}
}

func TestQuote(t *testing.T) {
	for _, name := range []string{"a.png", "x [1]/{a,b}/*?.png", "!x", "#x", "a ", "]"} {
		p, err := ParsePatterns([]string{Quote(name)}, t.TempDir())
		if err != nil {
			t.Error(err)
			continue
		}
		if !p.MatchFile(name) || p.MatchFile("x"+name) || p.MatchFile("a"+name[1:]+"x") {
			t.Errorf("%q does not mean the name %q alone", Quote(name), name)
		}
	}
}

func TestFoldedPatterns(t *testing.T) {
	both := place.Rules{Case: true, Form: true}
	p := &Patterns{names: both, list: make([]pattern, 1)}
	p.list[0].rules, _ = compile(both.Key("TEXTURES/*.Png"), func(one string) (string, error) { return one, nil })
	if !p.MatchFile("textures/A.PNG") {
		t.Error("case counts where the file system ignores it")
	}
	r := parseRules([]byte("Bäume/"), "", both, nil)
	if out, _ := r.Judge("BA\u0308UME", true); !out {
		t.Error("case and Unicode form count where the file system ignores them")
	}
}

func FuzzPatterns(f *testing.F) {
	for _, text := range []string{"a", "{a,b}/**", "!x/", "[{]}", "/", `\{`} {
		f.Add(text, "a/b")
	}
	root := f.TempDir()
	f.Fuzz(func(t *testing.T, text, path string) {
		if p, err := ParsePatterns([]string{text}, root); err == nil {
			p.MatchFile(path)
			p.Literal()
		}
	})
}
