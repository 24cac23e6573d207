package settings

import (
	"cmp"
	"runtime"
	"slices"
	"strings"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/submit/internal/nearest"
	"github.com/flsync/flsync/submit/manifest"
)

// Farm is what of a Manager jobs are checked against.
type Farm struct {
	Types    []api.AvailableJobType
	Tags     []api.WorkerTag
	Platform string // of who submits; "" is this machine's
}

// Type finds a job type by its name.
func (f *Farm) Type(name string) (*api.AvailableJobType, bool) {
	i := slices.IndexFunc(f.Types, func(t api.AvailableJobType) bool { return t.Name == name })
	if i < 0 {
		return nil, false
	}
	return &f.Types[i], true
}

// Tag finds a worker tag by its id or its name and returns its id.
func (f *Farm) Tag(name string) (id string, ok bool) {
	for _, t := range f.Tags {
		if t.ID == name || t.Name == name {
			return t.ID, true
		}
	}
	return "", false
}

// Static finds what is wrong with jobs before any of their blend files is opened: job types and tags
// that the Manager does not have, settings that their type does not know, values of a wrong type or
// out of the choices, and settings that nobody gives and nothing makes. All of it at once.
func Static(jobs []*manifest.Job, farm *Farm) manifest.Errors {
	return slices.Concat(Mistakes(jobs, farm)...)
}

// Mistakes returns for each job what Static finds; without a farm it is what [CheckJobs] finds.
func Mistakes(jobs []*manifest.Job, farm *Farm) []manifest.Errors {
	list := make([]manifest.Errors, len(jobs))
	var known map[string]bool
	if farm != nil {
		known = knownKeys(jobs, farm)
	}
	for i, j := range jobs {
		list[i] = checkJob(j)
		if farm != nil {
			checkAgainst(&list[i], j, farm, known)
		}
	}
	return list
}

// checkAgainst compares a job with what the Manager has.
func checkAgainst(errs *manifest.Errors, j *manifest.Job, farm *Farm, known map[string]bool) {
	if _, ok := farm.Tag(j.WorkerTag); !ok && j.WorkerTag != "" {
		errs.Add(j.At("worker_tag"), "the Manager has no worker tag %q%s", j.WorkerTag, nearest.Hint(j.WorkerTag, tagNames(farm)))
	}
	if j.Type == "" {
		return // the manifest has a wrong one, and it was told
	}
	t, ok := farm.Type(j.Type)
	if !ok {
		names := typeNames(farm)
		errs.Add(j.At("type"), "the Manager has no job type %q%s (it has: %s)", j.Type, nearest.Hint(j.Type, names), strings.Join(names, ", "))
		return
	}
	checkGiven(errs, j, t, known, cmp.Or(farm.Platform, runtime.GOOS))
	checkNeeded(errs, j, t)
}

// knownKeys are the settings that any of the jobs' types has; one whose name is misspelled is taken for the
// nearest.
func knownKeys(jobs []*manifest.Job, farm *Farm) map[string]bool {
	known := make(map[string]bool)
	for _, j := range jobs {
		t, ok := farm.Type(j.Type)
		if !ok {
			t, ok = farm.Type(nearest.Name(j.Type, typeNames(farm)))
		}
		if ok {
			for _, s := range t.Settings {
				known[s.Key] = true
			}
		}
	}
	return known
}

func checkGiven(errs *manifest.Errors, j *manifest.Job, t *api.AvailableJobType, known map[string]bool, platform string) {
	for key, given := range j.Settings {
		s := find(t, key)
		if s == nil && given.ForAll && known[key] {
			continue // meant for other jobs
		}
		if s == nil {
			errs.Add(given.Pos, "the job type %s has no setting %q%s", t.Name, key, nearest.Hint(key, keys(t)))
			continue
		}
		if key == Blendfile && j.Blend != "" {
			errs.Add(given.Pos, "the setting %s is made from the checkout; name the file as the job's blend", key)
			continue
		}
		value, err := Convert(s, given.Value)
		if text, ok := value.(string); ok && err == nil && isRoot(s) {
			_, err = outputRoot(j, given.Pos, text, platform)
		}
		switch {
		case err != nil:
			errs.Add(given.Pos, "setting %s: %v", key, err)
		case s.Required && value == "":
			errs.Add(given.Pos, "setting %s: the job type %s needs a value, not an empty text", key, t.Name)
		}
	}
}

// checkNeeded is about settings that have to be there and cannot come from anywhere.
func checkNeeded(errs *manifest.Errors, j *manifest.Job, t *api.AvailableJobType) {
	needs := func(s *api.AvailableJobSetting) bool {
		_, given := j.Settings[s.Key]
		return s.Required && !given
	}
	if s := find(t, Blendfile); s != nil && needs(s) && j.Blend == "" {
		errs.Add(j.Pos, "the job type %s needs a blend file; give the job a blend", t.Name)
		return // what follows from the scene would be missing, too
	}
	for i := range t.Settings {
		s := &t.Settings[i]
		switch {
		case !needs(s) || s.Key == Blendfile:
		case s.Eval != "":
			if j.Blend == "" {
				errs.Add(j.Pos, "the setting %s of %s follows from the scene, and the job has no blend file; give it by hand", s.Key, t.Name)
			}
		case s.Default == nil:
			errs.Add(j.Pos, "the job type %s needs the setting %s (%s); give it under settings, or with --set %s=…", t.Name, s.Key, typeName(s.Type), s.Key)
		}
	}
}

func find(t *api.AvailableJobType, key string) *api.AvailableJobSetting {
	for i := range t.Settings {
		if t.Settings[i].Key == key {
			return &t.Settings[i]
		}
	}
	return nil
}

func keys(t *api.AvailableJobType) (all []string) {
	for _, s := range t.Settings {
		all = append(all, s.Key)
	}
	return all
}

func typeNames(f *Farm) (all []string) {
	for _, t := range f.Types {
		all = append(all, t.Name)
	}
	return all
}

func tagNames(f *Farm) (all []string) {
	for _, t := range f.Tags {
		all = append(all, t.Name)
	}
	return all
}
