// Command addonzip packs the Blender add-on into a zip that every Blender from 3.3 on installs: earlier ones
// as an add-on, 4.2 and later as an extension.
//
//	go run ./integrations/blender/addonzip -o bin/flsync-blender.zip
//
// The same files give the same bytes.
package main

import (
	"archive/zip"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"
)

// folder is the add-on's name in Blender, and its only folder in the zip.
const folder = "flsync_addon"

func main() {
	from := flag.String("from", "integrations/blender", "folder of the add-on's sources")
	to := flag.String("o", "bin/flsync-blender.zip", "the zip")
	flag.Parse()
	if err := pack(*from, *to); err != nil {
		fmt.Fprintln(os.Stderr, "addonzip:", err)
		os.Exit(1)
	}
}

// pack writes the add-on with its licence.
func pack(from, to string) (err error) {
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return err
	}
	file, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	out := zip.NewWriter(file)

	addon := os.DirFS(filepath.Join(from, folder))
	for _, pattern := range []string{"*.py", "*.toml", "LICENSE"} {
		names, err := fs.Glob(addon, pattern) // sorted
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := add(out, addon, name); err != nil {
				return err
			}
		}
	}
	return out.Close()
}

func add(out *zip.Writer, from fs.FS, name string) error {
	data, err := fs.ReadFile(from, name)
	if err != nil {
		return err
	}
	header := &zip.FileHeader{Name: path.Join(folder, name), Method: zip.Deflate}
	header.Modified = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC) // the first that a zip can tell
	header.SetMode(0o644)
	w, err := out.CreateHeader(header)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}
