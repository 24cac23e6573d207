package pipeline

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/check"
	"github.com/flsync/flsync/internal/report"
)

// Storage says how files get to where the farm's workers read them.
type Storage struct {
	Mode StorageMode
	// Path is where this machine sees the folder that the Manager calls its storage location. Default: where the
	// Manager says that users of this platform see it.
	Path string
	// Direct decides whether files go straight into Shaman's store where that is mounted here.
	Direct DirectMode
}

// DirectMode decides whether to write into Shaman's store, see [uploader.Direct]. In any mode files go to the
// Manager where that cannot be done.
type DirectMode string

// The modes. DirectOff is also the zero value's meaning. DirectOn reports with a warning why it cannot be
// done, DirectAuto with a note.
const (
	DirectOff  DirectMode = "false"
	DirectAuto DirectMode = "auto"
	DirectOn   DirectMode = "true"
)

// Validate returns an error for a mode that does not exist.
func (m DirectMode) Validate() error {
	switch m {
	case "", DirectOff, DirectAuto, DirectOn:
		return nil
	}
	return fmt.Errorf("direct %q: it is true, false or auto", string(m))
}

// StorageMode is one way for files to get to the workers.
type StorageMode string

// The modes. StorageAuto, also the zero value's meaning, is Shaman where that is on; else in place for jobs
// whose files all lie on the shared storage, and a copy for the others.
const (
	StorageAuto    StorageMode = "auto"
	StorageShaman  StorageMode = "shaman"
	StorageCopy    StorageMode = "copy"
	StorageInPlace StorageMode = "in-place"
)

// Validate returns an error for a mode that does not exist.
func (m StorageMode) Validate() error {
	switch m {
	case "", StorageAuto, StorageShaman, StorageCopy, StorageInPlace:
		return nil
	}
	return fmt.Errorf("storage %q: it is auto, shaman, copy or in-place", string(m))
}

// MetaCheckout names in a job's metadata the folder that was made for it on the shared storage.
const MetaCheckout = "flsync.checkout"

// MetaTypeEtag is the etag of the job type with which a job was made, in the job's metadata: the Manager does
// not keep it.
const MetaTypeEtag = "flsync.type_etag"

// storageRoot is a folder that the workers see, too.
type storageRoot struct {
	here    string // its path on this machine
	workers string // the Manager's variable for it
}

// chooseStorage finds the mode of a run, and where the storage is mounted here. The mode stays auto if jobs
// differ.
func chooseStorage(ctx context.Context, env Env, farm api.ManagerConfiguration) (mode StorageMode, here string, err error) {
	mode = env.Storage.Mode
	switch {
	case farm.ShamanEnabled && (mode == "" || mode == StorageAuto), mode == StorageShaman:
		mode = StorageShaman
	case mode == "":
		mode = StorageAuto
	}
	if mode == StorageShaman {
		if !farm.ShamanEnabled {
			err = shamanOff("")
		}
		return mode, "", err
	}
	if here, err = storageHere(ctx, env); err != nil {
		return mode, "", err
	}
	if mode != StorageInPlace {
		if err := checkMounted(ctx, env, here, farm.StorageLocation); err != nil {
			return mode, "", err
		}
	}
	env.Sink.Emit(report.Note{Message: fmt.Sprintf("storage: %s, at %s", modeText(mode), here)})
	return mode, here, nil
}

// storageHere returns where this machine sees the folder that the Manager calls its storage location.
func storageHere(ctx context.Context, env Env) (string, error) {
	if env.Storage.Path != "" {
		return env.Storage.Path, nil
	}
	location, err := askOnce(ctx, env, "shared storage", func(ctx context.Context) (api.SharedStorageLocation, error) {
		return env.Manager.SharedStorage(ctx, api.ManagerVariableAudienceUsers, runtime.GOOS)
	})
	return location.Location, err
}

func modeText(mode StorageMode) string {
	if mode == StorageAuto {
		return "in place where all files of a job lie there, else copy"
	}
	return string(mode)
}

// checkMounted returns an error unless the folder here is the Manager's storage, which has the path there for
// the Manager. A dry run only looks whether it exists.
func checkMounted(ctx context.Context, env Env, here, there string) (err error) {
	if info, err := os.Stat(here); err != nil || !info.IsDir() {
		return shamanOff(fmt.Sprintf(" (%q is no folder on this machine)", here))
	}
	if env.DryRun {
		return nil
	}
	name := unfinished + strings.ToLower(rand.Text()[:16])
	err = os.Mkdir(filepath.Join(here, name), 0o777)
	if err == nil {
		err = os.Chmod(filepath.Join(here, name), 0o777) // the Manager writes to it under another account
	}
	if err != nil {
		return &StorageError{here, err}
	}
	defer func() {
		if rerr := os.Remove(filepath.Join(here, name)); err == nil {
			err = rerr
		}
	}()
	seen, err := ask(ctx, env, func(ctx context.Context) (api.PathCheckResult, error) {
		return env.Manager.CheckSharedStorage(ctx, strings.TrimRight(there, `/\`)+"/"+name)
	})
	if err == nil && !seen.IsUsable {
		err = shamanOff(fmt.Sprintf(" (%s on this machine is not the Manager's %s: %s)", here, there, seen.Cause))
	}
	return err
}

func shamanOff(why string) error {
	return fmt.Errorf("%w: Shaman is off at this Manager, and its shared storage is not mounted here%s: "+
		"switch Shaman on (shaman.enabled in flamenco-manager.yaml, and restart the Manager), or mount the storage and name it with --storage-path", ErrUnsupported, why)
}

// onStorage returns the workers' path of a file, and false for one that they do not see.
func (s *submission) onStorage(file string) (workers string, ok bool) {
	for _, root := range s.storage.roots {
		if rel := below(root.here, file); rel != "" {
			return root.workers + "/" + rel, true
		}
	}
	return "", false
}

// storageRoots returns the folders that this machine and the workers see: those of two-way variables first,
// which workers of any platform understand.
func (r *run) storageRoots(variables api.ManagerVariables) (roots []storageRoot) {
	for _, name := range slices.Sorted(maps.Keys(variables)) { // where two have one folder, each run takes the same
		v := variables[name]
		if v.IsTwoway && filepath.IsAbs(v.Value) && filepath.Dir(filepath.Clean(v.Value)) != filepath.Clean(v.Value) {
			roots = append(roots, storageRoot{filepath.Clean(v.Value), "{" + name + "}"})
		}
	}
	if r.here != "" && filepath.IsAbs(r.here) {
		roots = append(roots, storageRoot{filepath.Clean(r.here), "{jobs}"})
		if r.farm.ShamanEnabled { // the location is then the folder of checkouts in the storage
			roots = append(roots, storageRoot{filepath.Dir(filepath.Clean(r.here)), "{jobs}/.."})
		}
	}
	return roots
}

// planInPlace lets a job use its files where they are, if the mode and their places allow it. A file that the
// workers do not see is reported like one that is held back.
func (s *submission) planInPlace(ctx context.Context, j *jobRun) (bool, error) {
	if s.run.mode != StorageInPlace && s.run.mode != StorageAuto || s.opt.UploadOnly {
		return false, nil
	}
	var files []*file
	if j.trace != nil {
		files = append(files, &file{source: j.trace.Path})
		for _, d := range j.trace.Files {
			if !d.Missing {
				files = append(files, &file{source: d.Path})
			}
		}
	}
	added := jobRun{job: j.job}
	if err := s.addMore(ctx, &added); err != nil {
		return false, err
	}
	files = append(files, added.files...)
	var elsewhere []string
	for _, f := range files {
		at, ok := s.onStorage(f.source)
		if !ok {
			elsewhere = append(elsewhere, f.source)
		}
		f.checkoutPath = at
	}
	switch {
	case len(elsewhere) > 0 && s.run.mode == StorageAuto:
		return false, nil
	case len(elsewhere) > 0 && j.trace != nil && elsewhere[0] == j.trace.Path:
		return false, fmt.Errorf("%s is not on the farm's storage: put it there, or use --storage copy", elsewhere[0])
	}
	for _, f := range elsewhere {
		s.reportHeld(report.Warning{Path: f, Job: j.job.Name, Message: "workers do not see it: it is not on the farm's storage"})
		s.reportLacks(j, check.New(check.NotOnStorage, f, "%s is not on the farm's storage, and workers do not see it", f))
	}
	if err := s.allowLacks(j); err != nil {
		return false, err
	}
	for _, f := range files {
		if f.checkoutPath != "" {
			j.files = append(j.files, f)
		}
	}
	if j.trace != nil {
		j.blendAt = files[0].checkoutPath
	}
	j.inPlace, j.state = true, planned
	return true, nil
}

// mode returns how the job's files get to the workers.
func (s *submission) mode(j *jobRun) string {
	switch {
	case j.inPlace:
		return string(StorageInPlace)
	case len(j.files) == 0:
		return ""
	case s.run.mode == StorageAuto:
		return string(StorageCopy)
	}
	return string(s.run.mode)
}

// blendfile returns the path of a job's blend file for the workers.
func (j *jobRun) blendfile(checkout string) string {
	if j.inPlace {
		return j.blendAt
	}
	return path.Join("{jobs}", checkout, j.blendAt)
}
