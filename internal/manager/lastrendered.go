package manager

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	_ "image/png" // decodes what workers send
	"io"
	"io/fs"
	"net/http"
	"path"
	"path/filepath"

	"golang.org/x/image/draw"

	"github.com/flsync/flsync/flamenco/api"
)

const (
	maxImage   = 25 << 20  // bytes of an image as it is sent
	maxPixels  = 128 << 20 // of an image as it is decoded: 16K by 8K
	imageQueue = 3         // images that may wait; more are refused with 429
	jpegQual   = 85
)

// thumbnails from large to small, each made from the one before.
func thumbnails() []thumbnail {
	return []thumbnail{
		{"last-rendered.jpg", 1920, 1080},
		{"last-rendered-small.jpg", 600, 338},
		{"last-rendered-tiny.jpg", 200, 112},
	}
}

type thumbnail struct {
	name          string
	width, height int // at most
}

// renderedImage is an image that waits for its thumbnails.
type renderedImage struct {
	job  string
	data []byte
}

// outputProduced queues an image that a worker rendered.
func (m *Manager) outputProduced(q *request, w *worker) error {
	data, err := q.image()
	if err != nil {
		return err
	}
	var jobID string
	err = m.updateWorker(w, func(x *tx, _ *worker) error {
		if ref, ok := x.s.tasks[q.params["task_id"]]; ok {
			jobID = ref.entry.ID
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case jobID == "":
		writeJSON(q.w, http.StatusNotFound, "Task does not exist") // no object: the real Manager's slip
		return nil
	}
	select {
	case m.images <- renderedImage{jobID, data}:
		return q.empty(http.StatusAccepted)
	default:
		return refuse(http.StatusTooManyRequests, "image processing queue is full")
	}
}

// image reads the body of a request that has to be an image.
func (q *request) image() ([]byte, error) {
	data, err := io.ReadAll(http.MaxBytesReader(q.w, q.r.Body, maxImage))
	kind := q.r.Header.Get("Content-Type")
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return nil, refuse(http.StatusRequestEntityTooLarge, "image too large; should be max %d bytes", maxImage)
	case err != nil:
		return nil, refuse(http.StatusBadRequest, "error reading request body: %v", err)
	case len(data) == 0:
		return nil, refuseBare(http.StatusBadRequest, "request body has an error: value is required but missing")
	case kind != "image/png" && kind != "image/jpeg":
		return nil, refuseBare(http.StatusBadRequest, "request body has an error: header Content-Type has unexpected value %q", kind)
	}
	return data, nil
}

// makeThumbnails works off the queue.
func (m *Manager) makeThumbnails(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case rendered := <-m.images:
			if err := m.makeThumbnail(rendered); err != nil {
				m.log.Warn("thumbnails could not be made", "job", rendered.job, "error", err)
			}
		}
	}
}

func (m *Manager) makeThumbnail(rendered renderedImage) error {
	size, _, err := image.DecodeConfig(bytes.NewReader(rendered.data))
	if err != nil {
		return err
	}
	if int64(size.Width)*int64(size.Height) > maxPixels {
		return fmt.Errorf("image of %d x %d pixels is too large", size.Width, size.Height)
	}
	picture, _, err := image.Decode(bytes.NewReader(rendered.data))
	if err != nil {
		return err
	}
	return m.writeJobFiles(rendered.job, func() error {
		dir := jobDir(rendered.job)
		if err := m.local.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		for _, t := range thumbnails() {
			picture = t.fit(picture)
			var encoded bytes.Buffer
			if err := jpeg.Encode(&encoded, picture, &jpeg.Options{Quality: jpegQual}); err != nil {
				return err
			}
			if err := m.local.WriteFile(filepath.Join(dir, t.name), encoded.Bytes(), 0o600); err != nil {
				return err
			}
		}
		return m.update(func(x *tx) error { x.setLastRendered(rendered.job); return nil })
	})
}

// fit makes a picture as small as t wants it, and never larger than it is.
func (t thumbnail) fit(picture image.Image) image.Image {
	size := picture.Bounds().Size()
	scale := min(float64(t.width)/float64(size.X), float64(t.height)/float64(size.Y))
	if scale >= 1 {
		return picture
	}
	small := image.NewRGBA(image.Rect(0, 0, max(1, int(float64(size.X)*scale)), max(1, int(float64(size.Y)*scale))))
	draw.ApproxBiLinear.Scale(small, small.Bounds(), picture, picture.Bounds(), draw.Src, nil)
	return small
}

func (m *Manager) fetchLastRendered(q *request) error {
	return m.replyLastRendered(q, q.params["job_id"])
}

func (m *Manager) fetchGlobalLastRendered(q *request) error {
	var id string
	m.store.read(func(s *store) { id = s.lastRendered })
	if id == "" {
		return q.empty(http.StatusNoContent)
	}
	return m.replyLastRendered(q, id)
}

func (m *Manager) replyLastRendered(q *request, jobID string) error {
	dir := jobDir(jobID)
	info := api.JobLastRenderedImageInfo{Base: path.Join(jobFilesPrefix, filepath.ToSlash(dir))}
	for _, t := range thumbnails() {
		info.Suffixes = append(info.Suffixes, t.name)
	}
	smallest := info.Suffixes[len(info.Suffixes)-1] // written last
	if info, err := m.local.Stat(filepath.Join(dir, smallest)); errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return q.empty(http.StatusNoContent)
	}
	return q.reply(info)
}
