package faults

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

// night is how many render jobs the manifest of a project has; two more have no blend file.
const night = 12

// writeProject makes a project in dir: a copy of the sample, files of all sizes beside it, and a manifest.
func writeProject(dir, sample string, r *rand.Rand) error {
	if err := os.CopyFS(dir, os.DirFS(sample)); err != nil {
		return err
	}
	// Below, at and above what is kept in memory, sent in one piece, or asked about before it is sent.
	sizes := []int{0, 1, 700, 4 << 10, 33_000, 256<<10 + 1}
	for job := range night {
		for i := range 1 + r.IntN(4) {
			name := fmt.Sprintf("extra/job %02d/Größe %d.bin", job, i)
			if err := writeFile(dir, name, noise(r, sizes[r.IntN(len(sizes))])); err != nil {
				return err
			}
		}
	}
	if err := writeFile(dir, "extra/job 00/large.vdb", noise(r, 2<<20)); err != nil {
		return err
	}
	return writeFile(dir, "chaos.yaml", []byte(manifestText()))
}

func manifestText() string {
	var b strings.Builder
	b.WriteString("version: 1\nproject: .\ndefaults:\n  type: simple-blender-render\n  settings: {render_output_root: /render/out, add_path_components: 0}\njobs:\n")
	for job := range night {
		fmt.Fprintf(&b, "  - blend: shots/sh0%d0.blend\n    name: night %d\n    files: ['extra/job %02d/*']\n", 1+job%3, job, job)
	}
	for i := range 2 {
		fmt.Fprintf(&b, "  - {name: echo %d, type: echo-sleep-test, settings: {message: hello, sleep_duration_seconds: 1}}\n", i)
	}
	return b.String()
}

// needs are the files that a job of the manifest cannot do without.
func needs(project string, job int) ([]string, error) {
	if job >= night {
		return nil, nil
	}
	files := []string{
		fmt.Sprintf("shots/sh0%d0.blend", 1+job%3), "lib/robot.blend", "textures/robot.1001.png", "textures/robot.1002.png",
	}
	switch job % 3 {
	case 0:
		files = append(files, "textures/floor.png", "audio/beep.wav")
	case 1:
		files = append(files, "textures/floor.png")
		for i := range 8 {
			files = append(files, fmt.Sprintf("textures/screen/screen_000%d.png", i+1))
		}
	case 2:
		files = append(files, "textures/floor.png", "textures/sky.hdr")
	}
	extra, err := filepath.Glob(filepath.Join(project, fmt.Sprintf("extra/job %02d/*", job)))
	for _, path := range extra {
		files = append(files, fmt.Sprintf("extra/job %02d/%s", job, filepath.Base(path)))
	}
	return files, err
}

// edit changes some files, as a day's work does.
func edit(project string, r *rand.Rand) error {
	for job := range night {
		if r.IntN(3) == 0 {
			if err := writeFile(project, fmt.Sprintf("extra/job %02d/edited.bin", job), noise(r, 1+r.IntN(50_000))); err != nil {
				return err
			}
		}
	}
	return nil
}

func noise(r *rand.Rand, size int) []byte {
	var b bytes.Buffer
	for b.Len() < size {
		fmt.Fprintf(&b, "%016x", r.Uint64())
	}
	return b.Bytes()[:size]
}

func writeFile(dir, name string, data []byte) error {
	path := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}
