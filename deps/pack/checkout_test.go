package pack_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flsync/flsync/deps"
	"github.com/flsync/flsync/deps/pack"
)

const testdata = "../../testdata"

// trace traces a blend file.
func trace(t testing.TB, file string) *deps.Trace {
	t.Helper()
	tracer, err := deps.New(deps.Config{})
	if err != nil {
		t.Fatal(err)
	}
	found, err := tracer.Trace(t.Context(), file)
	if err != nil {
		t.Fatalf("tracing %s: %v", file, err)
	}
	return found
}

// checkout makes a folder that holds what the plan says, as a farm would have
// it: links to the contents, here copies of blend files, which must not know
// where they came from.
func checkout(t testing.TB, plan *pack.Plan) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "jobs", "checkout-1")
	for _, f := range plan.Files {
		to := filepath.Join(root, filepath.FromSlash(f.Place))
		mkdir(t, filepath.Dir(to))
		if strings.HasSuffix(f.Path, ".blend") {
			copyFile(t, f.Path, to)
		} else if real, err := filepath.EvalSymlinks(f.Path); err != nil {
			t.Fatal(err)
		} else if err := os.Link(real, to); err != nil {
			copyFile(t, real, to)
		}
	}
	for _, c := range plan.Changed {
		to := filepath.Join(root, filepath.FromSlash(c.Place))
		mkdir(t, filepath.Dir(to))
		rewriteFile(t, c.Path, to, c.Edits)
	}
	return root
}

func rewriteFile(t testing.TB, from, to string, edits []pack.Edit) {
	t.Helper()
	if err := tryRewrite(t.Context(), from, to, edits); err != nil {
		t.Fatal(err)
	}
}

func tryRewrite(ctx context.Context, from, to string, edits []pack.Edit) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.Create(to)
	if err != nil {
		return err
	}
	defer dst.Close()
	return pack.Rewrite(ctx, dst, src, edits)
}

func mkdir(t testing.TB, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

func copyTree(t testing.TB, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

func writeFile(t testing.TB, file, content string) {
	t.Helper()
	mkdir(t, filepath.Dir(file))
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// makeAbsolute rewrites all paths in a tree's blend files to absolute ones, as a
// user has them who has never heard of relative paths. Libraries come before
// what links them, so that nothing is traced that leads elsewhere.
func makeAbsolute(t testing.TB, main string) {
	t.Helper()
	found := trace(t, main)
	for _, b := range slices.Backward(found.Blends) {
		var edits []pack.Edit
		done := map[int64]bool{}
		for _, u := range b.Uses {
			folder := filepath.ToSlash(filepath.Dir(u.From))
			for _, p := range u.Parts {
				slashed := strings.ReplaceAll(p.Raw, `\`, "/")
				if p.Role == deps.RoleName || !strings.HasPrefix(slashed, "//") || done[p.Offset] {
					continue
				}
				done[p.Offset] = true
				absolute := folder + "/" + strings.TrimLeft(slashed[2:], "/")
				if len(absolute) >= p.Size && p.Block < 0 {
					continue // 45-names has a path that fills its field
				}
				edits = append(edits, pack.Edit{
					ID: u.ID, Field: u.Field, Offset: p.Offset, Size: p.Size, Block: max(p.Block, 0), Length: p.Length, Old: p.Raw,
					New: absolute,
				})
			}
		}
		rewriteFile(t, b.Path, b.Path+".new", edits)
		if err := os.Rename(b.Path+".new", b.Path); err != nil {
			t.Fatal(err)
		}
	}
}

// places gives the paths of a trace's files in a folder, and those outside of
// it with their whole path, marked when missing.
func places(found *deps.Trace, root string) []string {
	list := []string{}
	for _, d := range found.Files {
		p := d.Path
		if rel, err := filepath.Rel(root, d.Path); err == nil && filepath.IsLocal(rel) {
			p = filepath.ToSlash(rel)
		}
		if d.Missing {
			p += " (missing)"
		}
		list = append(list, p)
	}
	slices.Sort(list)
	return list
}
