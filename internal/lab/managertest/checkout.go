package managertest

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/google/go-cmp/cmp"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/lab/long"
)

func wantDiff(t *testing.T, want, got any, opts ...cmp.Option) {
	t.Helper()
	if diff := cmp.Diff(want, got, opts...); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// wantFiles checks the bytes behind the links of a checkout, and that there is nothing else. It needs the
// storage.
func (s *suite) wantFiles(t *testing.T, used string, want map[string]blob) {
	t.Helper()
	if !s.local {
		t.Logf("storage %s is not on this machine; contents are not compared", s.storage)
		return
	}
	root := filepath.Join(s.storage, filepath.FromSlash(used))
	found := 0
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		found++
		rel := get(filepath.Rel(root, path))(t)
		expected, ok := want[filepath.ToSlash(rel)]
		if !ok {
			t.Errorf("unexpected file %q", rel)
			return nil
		}
		data, err := os.ReadFile(path)
		if err == nil && string(data) != string(expected.data) {
			t.Errorf("%q has other bytes than were sent", rel)
		}
		return err
	})
	must(t, err)
	if found != len(want) {
		t.Errorf("%d files in the checkout, want %d", found, len(want))
	}
}

func (s *suite) testCheckout(t *testing.T) {
	files := map[string]blob{
		"shot.blend":                  s.blob(50_000),
		"textures/wood grain.png":     s.blob(100),
		"textures/źdźbło 草.png":       s.blob(100),
		"textures/decomposed e\u0301": s.blob(10),
		"deep/er/and/deep/er/file":    s.blob(1),
		"empty":                       newBlob(nil),
		"also empty":                  newBlob(nil),
	}
	files["the same.png"] = files["textures/wood grain.png"]
	var specs []api.ShamanFileSpec
	for path, b := range files {
		s.store(t, b)
		specs = append(specs, b.spec(path))
	}
	wanted := s.name("żółć 雪") + "/scene one"
	used := s.checkout(t, wanted, specs...)
	if used != wanted {
		t.Errorf("checkout is %q, want %q", used, wanted)
	}
	s.wantFiles(t, used, files)
	s.checkout(t, s.name("no files"))
}

// testCheckoutLarge has 3,000 files, in the everyday run 500, with as many contents.
func (s *suite) testCheckoutLarge(t *testing.T) {
	const uploads = 8
	count := 500
	if long.Wanted() || os.Getenv("FLSYNC_TEST_MANAGER") != "" {
		count = 3000
	}
	files := make(map[string]blob, count)
	var specs []api.ShamanFileSpec
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(uploads)
	for i := range count {
		b := s.blob(64)
		path := fmt.Sprintf("frames/%02d/%05d.png", i/100, i)
		files[path] = b
		specs = append(specs, b.spec(path))
		group.Go(func() error { return s.storeOne(ctx, b) })
	}
	must(t, group.Wait())
	missing, err := s.client.ShamanRequirements(t.Context(), api.ShamanRequirementsRequest{Files: specs})
	if err != nil || len(missing.Files) > 0 {
		t.Fatalf("%d files missing, %v", len(missing.Files), err)
	}
	s.wantFiles(t, s.checkout(t, s.name("large"), specs...), files)
}

// testCheckoutTaken: a path that exists gets four more characters.
func (s *suite) testCheckoutTaken(t *testing.T) {
	b := s.blob(10)
	s.store(t, b)
	wanted := s.name("taken") + "/scene"
	first := s.checkout(t, wanted, b.spec("a"))
	second := s.checkout(t, wanted, b.spec("b"))
	if first != wanted || !regexp.MustCompile("^"+regexp.QuoteMeta(wanted)+"-[a-z0-9]{4}$").MatchString(second) {
		t.Errorf("checkouts are %q and %q", first, second)
	}
	s.wantFiles(t, first, map[string]blob{"a": b})
	s.wantFiles(t, second, map[string]blob{"b": b})
}

// testCheckoutFails: a missing file is a 500, and the path that was asked for is erased even when it was
// there before.
func (s *suite) testCheckoutFails(t *testing.T) {
	stored, missing := s.blob(10), s.blob(10)
	s.store(t, stored)
	wanted := s.name("victim") + "/scene"
	used := s.checkout(t, wanted, stored.spec("a"))
	_, err := s.client.ShamanCheckout(t.Context(), api.ShamanCheckout{
		CheckoutPath: wanted, Files: []api.ShamanFileSpec{stored.spec("a"), missing.spec("b")},
	})
	s.wantStatus(t, err, http.StatusInternalServerError, "unexpected error: unknown files requested in checkout")
	if s.local {
		if _, err := os.Stat(filepath.Join(s.storage, filepath.FromSlash(used))); !os.IsNotExist(err) {
			t.Errorf("the checkout that was there before is still there: %v", err)
		}
		s.removeLeftovers(t, used)
	}
}

// removeLeftovers removes the half checkouts that the Manager made beside the path that was asked for.
func (s *suite) removeLeftovers(t *testing.T, used string) {
	found := get(filepath.Glob(filepath.Join(s.storage, filepath.FromSlash(used)) + "-????"))(t)
	for _, path := range found {
		rel := get(filepath.Rel(s.storage, path))(t)
		s.removeCheckout(t, filepath.ToSlash(rel))
	}
}

func (s *suite) testCheckoutPaths(t *testing.T) {
	a, b := s.blob(10), s.blob(11)
	s.store(t, a, b)
	spec := func(b blob, path string) string {
		return fmt.Sprintf(`{"sha":%q,"size":%d,"path":%q}`, b.sha, b.size(), path)
	}
	base := s.name("paths")
	for _, test := range []struct {
		name, path string
		files      []string
		status     int
		want       string
	}{
		{"plain", "/ok", []string{spec(a, "x")}, 200, ""},
		{"same path, same file", "/same", []string{spec(a, "x"), spec(a, "x")}, 200, ""},
		{"same path, other file", "/other", []string{spec(a, "x"), spec(b, "x")}, 500, `symlinking "x" to checkout`},
		{"file as folder", "/folder", []string{spec(a, "x"), spec(b, "x/y")}, 500, `symlinking "x/y" to checkout`},
		{"folder as file", "/file", []string{spec(a, "x/y"), spec(b, "x")}, 500, `symlinking "x" to checkout`},
		{"dots in a name", "/a..b", []string{spec(a, "x..y")}, 200, ""},
		{"up", "/../b", []string{spec(a, "x")}, 500, "invalid checkout path"},
		{"hidden up", "/..b", []string{spec(a, "x")}, 500, "invalid checkout path"},
		{"question mark", "/a?", []string{spec(a, "x")}, 500, "invalid checkout path"},
		{"star", "/a*", []string{spec(a, "x")}, 500, "invalid checkout path"},
		{"colon", "/a:b", []string{spec(a, "x")}, 500, "invalid checkout path"},
		{"semicolon", "/a;b", []string{spec(a, "x")}, 500, "invalid checkout path"},
		{"brace", "/{a}", []string{spec(a, "x")}, 500, "invalid checkout path"},
		{"backslash", `/a\\b`, []string{spec(a, "x")}, 500, "invalid checkout path"},
		{"no file name", "/noname", []string{spec(a, "")}, 500, `symlinking "" to checkout`},
		{"malformed digest", "/digest", []string{`{"sha":"x","size":1,"path":"a"}`}, 500, "Internal Server Error"},
		{"no files", "/none", nil, 200, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			body := fmt.Sprintf(`{"checkoutPath":"%s%s","files":[%s]}`, base, test.path, strings.Join(test.files, ","))
			status, reply := s.raw(t, http.MethodPost, "/api/v3/shaman/checkout/create", "application/json", body)
			if text, _ := message(reply); status != test.status || !strings.Contains(text, test.want) {
				t.Errorf("%d %s, want %d %s", status, reply, test.status, test.want)
			}
		})
	}
	for _, path := range []string{"", "/absolute"} {
		body := fmt.Sprintf(`{"checkoutPath":%q,"files":[]}`, path)
		status, reply := s.raw(t, http.MethodPost, "/api/v3/shaman/checkout/create", "application/json", body)
		if text, _ := message(reply); status != 500 || text != fmt.Sprintf("unexpected error: invalid checkout path %q", path) {
			t.Errorf("path %q: %d %s", path, status, reply)
		}
	}
	s.removeCheckout(t, base)
}
