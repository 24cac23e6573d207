package faults

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flsync/flsync/deps/blend/blendtest"
)

// TestMaliciousBlend submits a blend file that names what is nobody's business: nothing of it reaches the
// farm, and the exit code and the output say that something was held back.
func TestMaliciousBlend(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	t.Parallel()
	h := newHome(t)
	farm := filepath.Join(h.dir, "farm")
	url := embeddedIn(t, farm)
	const secret = "-----BEGIN OPENSSH PRIVATE KEY----- do not send me"
	png := "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR picture"
	writeText(t, h.dir, "private/.ssh/id_rsa", secret)
	writeText(t, h.dir, "private/key.png", secret)               // a secret under the name of a picture
	writeText(t, h.dir, "private/.config/token.png", png+secret) // a picture in a hidden folder
	writeText(t, h.dir, "library/wood.png", png)                 // what may go
	writeText(t, h.dir, "project/tex/own.png", "of the project, whatever it holds")
	if err := os.Symlink("../../private/key.png", filepath.Join(h.dir, "project/tex/link.png")); err != nil {
		t.Skip(err)
	}
	f := blendtest.New(blendtest.Form{}, `
		ID: void *next; void *prev; Library *lib; char name[66]
		Library: ID id; char name[1024]
		Image: ID id; char name[1024]; short source`)
	for i, path := range []string{
		"/etc/passwd", "//../../../../../../../../../etc/hostname", filepath.Join(h.dir, "private/.ssh/id_rsa"), "//../private/key.png",
		"//../private/.config/token.png", "//../library/wood.png", "//tex/own.png", "//tex/link.png", "//tex/../../private/key.png",
	} {
		f.Block("IM", "Image", uint64(0x10+i*0x10), blendtest.Values{"id.name": "IM" + string(rune('a'+i)), "name": path, "source": 1})
	}
	writeText(t, h.dir, "project/shot.blend", string(f.Bytes()))
	writeText(t, h.dir, "project/night.yaml", "version: 1\njobs:\n  - blend: shot.blend\n    settings: {render_output_root: /r, frames: '1', fps: 24, format: PNG, image_file_extension: .png, has_previews: false, scene: Scene, render_output_path: /r/x}\n")

	r := h.run("submit", filepath.Join(h.dir, "project/night.yaml"), "--json", "--manager", url)
	if r.code != 3 {
		t.Errorf("exit code %d, want 3: something was held back\n%s%s", r.code, tail(r.out), tail(r.err))
	}
	stored := storedContents(t, filepath.Join(farm, "storage"))
	for _, text := range []string{"OPENSSH", "root:x:"} {
		if strings.Contains(stored, text) {
			t.Errorf("%q reached the farm", text)
		}
	}
	for _, text := range []string{png, "of the project"} {
		if !strings.Contains(stored, text) {
			t.Errorf("%q did not reach the farm:\n%s", text, tail(r.out))
		}
	}
	for _, name := range []string{"/etc/passwd", "id_rsa", "key.png", "token.png"} {
		if !strings.Contains(r.out, name) {
			t.Errorf("nothing was said of %s:\n%s", name, tail(r.out))
		}
	}
}

// storedContents is all that a farm's store holds.
func storedContents(t *testing.T, dir string) string {
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		all.Write(data)
		all.WriteByte('\n')
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}
