package pipeline

import (
	"context"
	"path"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/text/unicode/norm"

	"github.com/flsync/flsync/internal/place"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/uploader"
)

// oddNames warns of files that Windows cannot hold, once a run, if the farm's storage or a worker is on Windows.
type oddNames struct {
	mu      sync.Mutex
	warned  map[string]bool // paths in checkouts
	asked   bool
	windows bool
}

// warn looks at the files of a checkout. It asks the Manager for the workers' platforms at the first odd name; if that fails,
// it warns.
func (o *oddNames) warn(ctx context.Context, r *run, checkout string, files []*file) {
	o.mu.Lock()
	defer o.mu.Unlock()
	storage := filepath.ToSlash(r.farm.StorageLocation)
	for _, f := range files {
		err := place.ForWindows(path.Join(storage, checkout), f.checkoutPath)
		if err == nil || o.warned[f.checkoutPath] {
			continue
		}
		if !o.asked {
			platforms, err := r.platforms(ctx)
			o.asked, o.warned = true, make(map[string]bool)
			o.windows = err != nil || place.Volume(storage) != "" || slices.Contains(platforms, "windows")
		}
		if !o.windows {
			return
		}
		o.warned[f.checkoutPath] = true
		r.env.Sink.Emit(report.Warning{Code: "name-windows", Path: f.source, Message: err.Error()})
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
