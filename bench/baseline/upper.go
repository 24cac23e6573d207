package baseline

import (
	"context"
	"fmt"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/flsync/flsync/flamenco/api"
)

// Parts says how far an upper bound goes.
type Parts int

// What a client has to do for a checkout, step by step.
const (
	CheckOnly    Parts = iota // ask what is missing
	UpToStore                 // and upload it
	Whole                     // and make the checkout
	CheckoutOnly              // make the checkout, and nothing before it
)

// Upper is a client that knows the digest of every file beforehand. It asks
// about all files at once, uploads what is missing over so many connections,
// and makes one checkout: no client that sends the same files to the same
// Manager in the same way can be faster.
func Upper(ctx context.Context, url, root string, files []api.ShamanFileSpec, connections int, parts Parts, checkout string) (Outcome, error) {
	c := newClient(url, connections)
	var sent int
	var bytes int64
	outcome, err := c.timed(func() error {
		if parts == CheckoutOnly {
			_, err := c.checkout(ctx, checkout, files)
			return err
		}
		missing, err := c.missing(ctx, files)
		if err != nil || parts == CheckOnly {
			return err
		}
		for _, f := range missing {
			sent++
			bytes += f.Size
		}
		if err := c.uploadAll(ctx, root, missing, connections); err != nil || parts == UpToStore {
			return err
		}
		_, err = c.checkout(ctx, checkout, files)
		return err
	})
	outcome.Files, outcome.Bytes = sent, bytes
	return outcome, err
}

// uploadAll uploads over all connections at once, and never two files whose
// digests begin with the same byte: the Manager can fail one of them.
func (c *client) uploadAll(ctx context.Context, root string, files []api.ShamanFileSpecWithStatus, connections int) error {
	shards := map[string][]api.ShamanFileSpecWithStatus{}
	for _, f := range files {
		shards[f.Sha[:2]] = append(shards[f.Sha[:2]], f)
	}
	// Who takes a shard's queue sends one file of it and puts back the rest.
	queues := make(chan []api.ShamanFileSpecWithStatus, len(shards))
	for _, queue := range shards {
		queues <- queue
	}
	var left atomic.Int64
	left.Store(int64(len(shards)))
	if len(shards) == 0 {
		return nil
	}
	group, ctx := errgroup.WithContext(ctx)
	for range connections {
		group.Go(func() error {
			for queue := range queues {
				f := queue[0]
				if err := c.upload(ctx, local(root, f.Path), f.Sha, f.Size); err != nil {
					return err
				}
				if len(queue) > 1 {
					queues <- queue[1:] // never blocks: the channel has room for all
				} else if left.Add(-1) == 0 {
					close(queues)
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// Batch is what the Manager has to do for shots whose files are all stored:
// one check, and for each shot a checkout and a job, over so many connections.
func Batch(ctx context.Context, url string, shots [][]api.ShamanFileSpec, connections int, name string) (Outcome, error) {
	c := newClient(url, connections)
	outcome, err := c.timed(func() error {
		missing, err := c.missing(ctx, union(shots))
		if err != nil {
			return err
		}
		if len(missing) > 0 {
			return fmt.Errorf("%d files of the batch are not stored", len(missing))
		}
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(connections)
		for i, files := range shots {
			group.Go(func() error {
				path, err := c.checkout(ctx, fmt.Sprintf("%s/%04d", name, i), files)
				if err != nil {
					return err
				}
				return c.postJSON(ctx, "/api/v3/jobs", renderJob(fmt.Sprintf("%s %d", name, i), path, files[0].Path), nil)
			})
		}
		return group.Wait()
	})
	outcome.Files = len(shots)
	return outcome, err
}

func union(shots [][]api.ShamanFileSpec) (all []api.ShamanFileSpec) {
	seen := map[string]bool{}
	for _, files := range shots {
		for _, f := range files {
			if !seen[f.Sha] {
				seen[f.Sha] = true
				all = append(all, f)
			}
		}
	}
	return all
}

// renderJob is a job as flsync submits it for a shot of the batch.
func renderJob(name, checkout, blend string) map[string]any {
	return map[string]any{
		"name": name, "type": "simple-blender-render", "priority": 50, "submitter_platform": "linux",
		"metadata": map[string]string{"benchmark": "upper bound"},
		"settings": map[string]any{
			"blendfile": "{jobs}/" + checkout + "/" + blend, "frames": "1001-1010", "chunk_size": 10,
			"render_output_root": "/render/out", "add_path_components": 0,
			"render_output_path": "/render/out/" + name + "/{timestamp}/######",
			"format":             "PNG", "image_file_extension": ".png", "fps": 24.0, "has_previews": false, "scene": "Scene",
		},
		"storage": map[string]string{"shaman_checkout_id": checkout},
	}
}
