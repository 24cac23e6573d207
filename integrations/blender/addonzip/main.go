// Command addonzip packs the Blender add-on into a zip that every Blender from 3.3 on installs: earlier ones
// as an add-on, 4.2 and later as an extension.
//
//	go run ./integrations/blender/addonzip -o bin/flsync-blender.zip
//	go run ./integrations/blender/addonzip -repo bin/extensions -programs bin
//
// The second makes a static extension repository: a zip for each platform whose program is there, with the
// program in it, one without a program for all others, and the index. Any web server can hand it out. The
// same files give the same bytes.
package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

const (
	folder   = "flsync_addon" // of the add-on, below the sources
	manifest = "blender_manifest.toml"
)

// platforms maps Blender's names of platforms to the ends of the names of Go's programs.
var platforms = map[string]string{
	"linux-x64": "linux_amd64", "linux-arm64": "linux_arm64", "macos-x64": "darwin_amd64", "macos-arm64": "darwin_arm64",
	"windows-x64": "windows_amd64.exe", "windows-arm64": "windows_arm64.exe",
}

func main() {
	from := flag.String("from", "integrations/blender", "folder of the add-on's sources")
	to := flag.String("o", "bin/flsync-blender.zip", "the zip")
	repo := flag.String("repo", "", "make an extension repository in this folder instead")
	programs := flag.String("programs", "bin", "folder of programs for the repository, such as flsync_linux_amd64 and flsync_windows_amd64.exe")
	flag.Parse()
	addon := os.DirFS(filepath.Join(*from, folder))
	var err error
	if *repo != "" {
		err = publish(addon, *repo, *programs)
	} else {
		err = write(addon, *to, folder+"/", "", "")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "addonzip:", err)
		os.Exit(1)
	}
}

// publish writes the repository: zips and index.json.
func publish(addon fs.FS, to, programs string) error {
	var entry map[string]any
	if _, err := toml.DecodeFS(addon, manifest, &entry); err != nil {
		return err
	}
	delete(entry, "build")
	entries := []map[string]any{}
	var with []string
	add := func(platform, program string) error {
		name := fmt.Sprintf("%s-%s%s.zip", entry["id"], entry["version"], platform)
		if err := write(addon, filepath.Join(to, name), "", strings.TrimPrefix(platform, "-"), program); err != nil {
			return err
		}
		data, err := os.ReadFile(filepath.Join(to, name))
		if err != nil {
			return err
		}
		e := maps.Clone(entry)
		e["archive_url"], e["archive_size"] = "./"+name, len(data)
		e["archive_hash"] = fmt.Sprintf("sha256:%x", sha256.Sum256(data))
		if platform != "" {
			e["platforms"] = []string{platform[1:]}
		}
		entries = append(entries, e)
		return nil
	}
	for _, platform := range slices.Sorted(maps.Keys(platforms)) {
		program := filepath.Join(programs, "flsync_"+platforms[platform])
		switch _, err := os.Stat(program); {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return err
		}
		if err := add("-"+platform, program); err != nil {
			return err
		}
		with = append(with, platform)
	}
	if len(with) == 0 { // Blender takes the first entry that fits: one for all platforms would hide the others
		if err := add("", ""); err != nil {
			return err
		}
	}
	index, err := json.MarshalIndent(map[string]any{"version": "v1", "blocklist": []any{}, "data": entries}, "", "  ")
	if err != nil {
		return err
	}
	fmt.Printf("%s: version %s, with programs for %s\n", to, entry["version"], strings.Join(with, ", "))
	return os.WriteFile(filepath.Join(to, "index.json"), append(index, '\n'), 0o644)
}

// write packs the add-on below prefix. With a platform the manifest names it, and a program is put into bin/.
func write(addon fs.FS, to, prefix, platform, program string) (err error) {
	if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
		return err
	}
	file, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	out := zip.NewWriter(file)
	for _, pattern := range []string{"*.py", manifest, "LICENSE"} {
		names, err := fs.Glob(addon, pattern) // sorted
		if err != nil {
			return err
		}
		for _, name := range names {
			data, err := fs.ReadFile(addon, name)
			if err != nil {
				return err
			}
			if name == manifest && platform != "" {
				data = bytes.Replace(data, []byte("\n[build]"), fmt.Appendf(nil, "platforms = [%q]\n\n[build]", platform), 1)
			}
			if err := add(out, prefix+name, data, 0o644); err != nil {
				return err
			}
		}
	}
	if program != "" {
		data, err := os.ReadFile(program)
		if err != nil {
			return err
		}
		if err := add(out, path.Join(prefix, "bin", "flsync"+path.Ext(filepath.Base(program))), data, 0o755); err != nil {
			return err
		}
	}
	return out.Close()
}

func add(out *zip.Writer, name string, data []byte, mode fs.FileMode) error {
	header := &zip.FileHeader{Name: name, Method: zip.Deflate}
	header.Modified = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC) // the first that a zip can say
	header.SetMode(mode)
	w, err := out.CreateHeader(header)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}
