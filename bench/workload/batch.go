package workload

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/flsync/flsync/flamenco/api"
)

// shotBlend is a Blender file of 1.3 MB that names 500 images, made by testdata/make_shot.py.
//
//go:embed testdata/shot.blend.gz
var shotBlend []byte

// BatchTextures is how many images each shot names, from ../textures/tex_0001.png on.
const BatchTextures = 500

// Batch is a night's work: many shots that share 500 textures.
type Batch struct{ Shots int }

// BatchManifest is the name of the batch's manifest, below its root.
const BatchManifest = "night.yaml"

// textures is the tree of the shared textures.
func (b Batch) textures() Spec {
	return Spec{"batch textures", []Group{{Dir: "textures", Ext: ".png", Files: BatchTextures, Size: LogNormal(80*kB, 0.8)}}}
}

func (b Batch) shot(i int) string { return fmt.Sprintf("shots/sh%04d.blend", i+1) }

// texture is the name by which the shots know a file of textures().
func (b Batch) texture(i int) string { return fmt.Sprintf("textures/tex_%04d.png", i+1) }

// Create makes the batch below root: the shots, their textures and a manifest.
//
// The shots are one file with another end each: Blender reads no further than its end mark.
func (b Batch) Create(ctx context.Context, root string, seed uint64) error {
	spec := b.textures()
	if err := spec.Create(ctx, root, seed); err != nil {
		return err
	}
	for f := range spec.All() {
		if err := os.Rename(filepath.Join(root, f.Path), filepath.Join(root, b.texture(f.Index))); err != nil {
			return err
		}
	}
	zipped, err := gzip.NewReader(bytes.NewReader(shotBlend))
	if err != nil {
		return err
	}
	shot, err := io.ReadAll(zipped)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(root, "shots"), 0o777); err != nil {
		return err
	}
	for i := range b.Shots {
		unique := binary.BigEndian.AppendUint64(shot[:len(shot):len(shot)], seed)
		unique = binary.BigEndian.AppendUint64(unique, uint64(i))
		if err := os.WriteFile(filepath.Join(root, b.shot(i)), unique, 0o666); err != nil {
			return err
		}
	}
	return b.WriteManifest(root, seed)
}

// WriteManifest writes a manifest whose job names are new for a seed, so that they are submitted although the
// same shots were submitted before.
func (b Batch) WriteManifest(root string, seed uint64) error {
	manifest := fmt.Sprintf(`version: 1
project: .
defaults:
  type: simple-blender-render
  settings: {render_output_root: /render/out, add_path_components: 0, chunk_size: 10}
jobs:
  - glob: shots/*.blend
    name: "{stem} %d"
`, seed)
	return os.WriteFile(filepath.Join(root, BatchManifest), []byte(manifest), 0o666)
}

// Specs lists, for each shot, the files of its checkout, the shot itself first.
func (b Batch) Specs(ctx context.Context, root string) ([][]api.ShamanFileSpec, error) {
	shared := make([]api.ShamanFileSpec, BatchTextures)
	for i := range shared {
		var err error
		if shared[i], err = Describe(root, b.texture(i)); err != nil {
			return nil, err
		}
	}
	shots := make([][]api.ShamanFileSpec, b.Shots)
	for i := range shots {
		shot, err := Describe(root, b.shot(i))
		if err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		shots[i] = append([]api.ShamanFileSpec{shot}, shared...)
	}
	return shots, nil
}
