package pipeline

import (
	"context"
	"path"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/text/unicode/norm"

	"github.com/flsync/flsync/internal/check"
	"github.com/flsync/flsync/internal/place"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/uploader"
)

// oddNames finds files that Windows cannot hold, if the farm's storage or a worker is on Windows.
type oddNames struct {
	mu      sync.Mutex
	asked   bool
	windows bool
}

// An oddName is a file that Windows cannot hold, and why.
type oddName struct {
	*file
	why error
}

// find returns those of the files of a checkout.
func (o *oddNames) find(ctx context.Context, r *run, checkout string, files []*file) (odd []oddName) {
	storage := filepath.ToSlash(r.farm.StorageLocation)
	folder := path.Join(storage, checkout)
	for _, f := range files {
		if err := place.ForWindows(folder, f.checkoutPath); err != nil {
			odd = append(odd, oddName{f, err})
		}
	}
	if len(odd) == 0 || !o.onWindows(ctx, r, storage) {
		return nil
	}
	return odd
}

// onWindows reports whether a part of the farm is on Windows. It asks the Manager once; if that fails, it is so.
func (o *oddNames) onWindows(ctx context.Context, r *run, storage string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.asked {
		platforms, err := r.platforms(ctx)
		o.asked = true
		o.windows = err != nil || place.Volume(storage) != "" || slices.Contains(platforms, "windows")
	}
	return o.windows
}

// warn warns of the files of a checkout that find returns, of each once a run.
func (o *oddNames) warn(ctx context.Context, r *run, checkout string, files []*file) {
	for _, f := range o.find(ctx, r, checkout, files) {
		if r.first("odd\x00" + f.checkoutPath) {
			r.env.Sink.Emit(report.Warning{Code: check.NameWindows, Path: f.source, Message: f.why.Error()})
		}
	}
}

// warnOdd warns of the files of a job that is not checked out in this run.
func (s *submission) warnOdd(ctx context.Context, j *jobRun) {
	if s.run.env.Manager != nil && !j.inPlace {
		s.run.odd.warn(ctx, s.run, uploader.CheckoutName(j.job.Name), j.files)
	}
}

// composed gives files the NFC form of their paths in the checkout, if their disk ignores the form of Unicode: it may list
// names in NFD that blend files and the farm have in NFC. Of files that would have one path then, it warns, and their
// paths stay.
func composed(names place.Rules, files []*file, sink report.Sink) {
	if !names.Form {
		return
	}
	count := make(map[string]int)
	for _, f := range files {
		count[norm.NFC.String(f.checkoutPath)]++
	}
	for _, f := range files {
		switch form := norm.NFC.String(f.checkoutPath); {
		case count[form] == 1:
			f.checkoutPath = form
		case form != f.checkoutPath:
			sink.Emit(report.Warning{Code: "name-clash", Path: f.source,
				Message: "the name is sent as the disk lists it, because another file has it in Unicode's form NFC, which farms have"})
		}
	}
}
