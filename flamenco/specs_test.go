package flamenco

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/flsync/flsync/flamenco/api"
)

func TestFilePaths(t *testing.T) {
	for path, ok := range map[string]bool{
		"a.png": true, "tex/Ω ü.png": true, "a/..b/c..": true, "...": true, `a\b.png`: true, "1:2/x": true, "x/C:": true, strings.Repeat("d/", 2000) + "f": true,
		"": false, ".": false, "..": false, "/etc/passwd": false, "../evil": false, "a/../../evil": false, "a/..": false, "a//b": false, "./a": false,
		"a/": false, "a\x00b": false, "C:/x": false, "c:x": false, `..\evil`: false, `a\..\..\evil`: false, `\\server\share`: false, `a/..\b`: false, "a\xff": false,
	} {
		if err := checkFilePath(path); (err == nil) != ok || err != nil && !errors.Is(err, ErrUnsafePath) {
			t.Errorf("%q: %v", path, err)
		}
	}
}

func TestCheckoutPaths(t *testing.T) {
	for path, ok := range map[string]bool{
		"a": true, "project/sq 010/Ω-1": true, "a..b": true,
		"": false, "/a": false, "a/../b": false, "..": false, "a/..": false, "a?": false, "a*": false, "a:b": false, "a;b": false, "{jobs}": false, `a\b`: false, "a\x00": false, "a\xff": false,
	} {
		if err := checkCheckoutPath(path); (err == nil) != ok || err != nil && !errors.Is(err, ErrUnsafePath) {
			t.Errorf("%q: %v", path, err)
		}
	}
}

// Nothing unsafe leaves the client, whoever calls it.
func TestCheckoutRefuses(t *testing.T) {
	client := newTest(t, Config{URL: "http://127.0.0.1:1"})
	good := api.ShamanFileSpec{Sha: digest, Size: 1, Path: "a"}
	for name, test := range map[string]struct {
		checkout api.ShamanCheckout
		want     error
	}{
		"path":   {api.ShamanCheckout{CheckoutPath: "../x", Files: []api.ShamanFileSpec{good}}, ErrUnsafePath},
		"file":   {api.ShamanCheckout{CheckoutPath: "x", Files: []api.ShamanFileSpec{good, {Sha: digest, Path: "../../evil"}}}, ErrUnsafePath},
		"digest": {api.ShamanCheckout{CheckoutPath: "x", Files: []api.ShamanFileSpec{{Sha: "x", Path: "a"}}}, ErrBadDigest},
	} {
		if _, err := client.ShamanCheckout(t.Context(), test.checkout); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, spec := range []api.ShamanFileSpec{{Sha: strings.ToUpper(digest), Path: "a"}, {Sha: digest, Size: -1, Path: "a"}} {
		var unreachable *UnreachableError
		if _, err := client.ShamanRequirements(t.Context(), api.ShamanRequirementsRequest{Files: []api.ShamanFileSpec{spec}}); err == nil || errors.As(err, &unreachable) {
			t.Errorf("%+v: %v", spec, err)
		}
	}
}

func TestHeaderName(t *testing.T) {
	for name, want := range map[string]string{
		"":                 "",
		"shot.blend":       "shot.blend",
		" a b ":            "a b",
		"a\r\nX-Evil: 1":   "a??X-Evil: 1",
		"tab\tnul\x00\x7f": "tab?nul??",
		"=?utf-8?q?x?=":    "=_utf-8?q?x?=",
		"Ω.png":            "=?utf-8?q?=CE=A9.png?=",
		"\xff.png":         "?.png",
		"u\u0085\u009fx":   "u??x",
	} {
		if got := headerName(name); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
}

func FuzzHeaderName(f *testing.F) {
	f.Add("shot.blend")
	f.Add("=?utf-8?q?=CE?= Ω\r\n")
	f.Add(strings.Repeat("Ω", 400))
	f.Add("a" + strings.Repeat("x", 600))
	f.Fuzz(func(t *testing.T, name string) {
		got := headerName(name)
		for i := range len(got) {
			if got[i] < ' ' || got[i] > '~' {
				t.Fatalf("%q holds %q", got, got[i])
			}
		}
		if len(got) > 4*maxName {
			t.Fatalf("%d bytes", len(got))
		}
		decoded, err := new(mime.WordDecoder).DecodeHeader(got)
		if err != nil {
			t.Fatalf("%q cannot be decoded: %v", got, err)
		}
		plain := utf8.ValidString(name) && len(name) <= maxName && strings.TrimSpace(name) == name && !strings.Contains(name, "=?")
		if plain && strings.IndexFunc(name, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 || r == utf8.RuneError }) < 0 && decoded != name {
			t.Fatalf("%q comes out as %q", name, decoded)
		}
	})
}

func FuzzAppendCheckout(f *testing.F) {
	f.Add("p/s", "tex/a.png", int64(5))
	f.Add("\x00\"\\\n\u2028", "\xff</script>Ω", int64(-1))
	f.Fuzz(func(t *testing.T, checkout, path string, size int64) {
		want := api.ShamanCheckout{CheckoutPath: checkout, Files: []api.ShamanFileSpec{{Path: path, Sha: digest, Size: size}, {Sha: digest, Path: checkout}}}
		reference, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var wanted, got api.ShamanCheckout
		if err := json.Unmarshal(reference, &wanted); err != nil {
			t.Fatal(err)
		}
		encoded := appendCheckout(nil, want)
		if err := json.Unmarshal(encoded, &got); err != nil {
			t.Fatalf("%q: %v", encoded, err)
		}
		if diff := cmp.Diff(wanted, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestAppendRequirements(t *testing.T) {
	for name, files := range map[string][]api.ShamanFileSpec{"none": nil, "one": manySpecs(1), "some": manySpecs(3)} {
		var got api.ShamanRequirementsRequest
		if err := json.Unmarshal(appendRequirements(nil, files), &got); err != nil {
			t.Error(err)
		}
		if len(got.Files) != len(files) || len(files) > 0 && !cmp.Equal(got.Files, files) {
			t.Errorf("%s: %v", name, got.Files)
		}
	}
}

func manySpecs(n int) []api.ShamanFileSpec {
	files := make([]api.ShamanFileSpec, n)
	for i := range files {
		files[i] = api.ShamanFileSpec{Sha: fmt.Sprintf("%064x", i*2654435761), Size: int64(i * 1000), Path: fmt.Sprintf("sequence/shot_%04d/textures/täfelung_%06d.png", i/100, i)}
	}
	return files
}

func BenchmarkEncodeCheckout(b *testing.B) {
	checkout := api.ShamanCheckout{CheckoutPath: "p/s", Files: manySpecs(20_000)}
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			b.SetBytes(int64(len(appendCheckout(nil, checkout))))
		}
	})
	b.Run("ours with checks", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := checkCheckout(checkout); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(appendCheckout(nil, checkout))))
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			data, err := json.Marshal(checkout)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(data)))
		}
	})
}

func BenchmarkDecodeRequirements(b *testing.B) {
	var response api.ShamanRequirementsResponse
	for _, spec := range manySpecs(20_000) {
		response.Files = append(response.Files, api.ShamanFileSpecWithStatus{Sha: spec.Sha, Size: spec.Size, Path: spec.Path, Status: api.ShamanFileStatusUnknown})
	}
	data, err := json.Marshal(response)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		var got api.ShamanRequirementsResponse
		if err := json.Unmarshal(data, &got); err != nil || len(got.Files) != 20_000 {
			b.Fatal(err)
		}
	}
}
