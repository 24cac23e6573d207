package settings

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/place"
	"github.com/flsync/flsync/submit/eval"
	"github.com/flsync/flsync/submit/manifest"
)

const (
	// MaxFrame is the last frame that Blender has (its MAXFRAME), and the most frames of one job.
	MaxFrame = 1_048_574
	// maxName is the longest name of a file or folder in bytes on the usual file systems.
	maxName = 255
	// Checkout stands for the job's own checkout in its settings.
	Checkout = "{checkout}"
	// framesKey is the setting of Flamenco's job types that holds the frame range.
	framesKey = "frames"
)

// CheckJobs finds what is wrong with jobs whatever the Manager has, before anything is asked of it: frame
// ranges beyond MaxFrame, names that are no folder below the output root, and {checkout} in jobs without
// files.
func CheckJobs(jobs []*manifest.Job) manifest.Errors { return slices.Concat(Mistakes(jobs, nil)...) }

func checkJob(j *manifest.Job) (errs manifest.Errors) {
	if err := checkName(j.Name); err != nil {
		errs.Add(j.At("name"), "the name %.60q %v", j.Name, err)
	}
	for key, given := range j.Settings {
		text := fmt.Sprint(given.Value)
		if key == framesKey {
			if err := checkFrames(text); err != nil {
				errs.Add(given.Pos, "setting %s of job %.60q: %v", key, j.Name, err)
			}
		}
		if strings.Contains(text, Checkout) && j.Blend == "" && len(j.Files) == 0 {
			errs.Add(given.Pos, "setting %s: the job %.60q has no files and so no %s; give it files", key, j.Name, Checkout)
		}
	}
	return errs
}

// checkName reports why a job's name cannot be a folder, or folders, below its output root.
func checkName(name string) error {
	windows := runtime.GOOS == "windows"
	parts := strings.FieldsFunc(name, func(r rune) bool { return r == '/' || r == '\\' && windows })
	switch {
	case strings.IndexFunc(name, unicode.IsControl) >= 0:
		return errors.New("holds control characters")
	case slices.Contains(parts, ".."):
		return errors.New("has the part .., with which the output leaves its root")
	case strings.HasPrefix(name, "/") || windows && (filepath.VolumeName(name) != "" || strings.HasPrefix(name, `\`)):
		return errors.New("is an absolute path, with which the output leaves its root")
	}
	return checkLengths(parts)
}

func checkLengths(parts []string) error {
	for _, part := range parts {
		if len(part) > maxName {
			return fmt.Errorf("has the part %.40q… of %d bytes, and a folder's name has at most %d", part, len(part), maxName)
		}
	}
	return nil
}

// checkFrames holds a frame range such as "3, 5-10, 47..327" to MaxFrame. What is no frame range is left to
// the Manager. It expands ranges in memory, without a bound.
func checkFrames(text string) error {
	count := int64(0)
	for part := range strings.SplitSeq(strings.ReplaceAll(text, "..", "-"), ",") {
		if part = strings.TrimSpace(part); strings.HasPrefix(part, "-") {
			return fmt.Errorf("the frames %.60q begin below 0, which Flamenco cannot render", part)
		}
		var ends []int64
		for end := range strings.SplitSeq(part, "-") {
			frame, err := strconv.ParseInt(strings.TrimSpace(end), 10, 64)
			if errors.Is(err, strconv.ErrRange) {
				frame = math.MaxInt64
			} else if err != nil {
				return nil
			}
			if frame > MaxFrame {
				return fmt.Errorf("the frames %.60q go beyond %d, the last frame that Blender has", part, MaxFrame)
			}
			ends = append(ends, frame)
		}
		if count += max(ends[len(ends)-1]-ends[0], 0) + 1; count > MaxFrame {
			return fmt.Errorf("the frames %.60q… are more than %d", text, MaxFrame)
		}
	}
	return nil
}

// isRoot reports whether a setting names a folder for output that gets parts appended.
func isRoot(s *api.AvailableJobSetting) bool {
	return s.Key == "render_output_root" || s.Subtype == api.AvailableJobSettingSubtypeDirPath
}

// checked applies the rules for frames, paths and checkouts to a value, and anchors a relative root of a
// manifest at the manifest's folder. Given is where a value was given, or the zero Setting.
func (r *resolver) checked(s *api.AvailableJobSetting, value any, given manifest.Setting) (any, error) {
	text, ok := value.(string)
	if !ok {
		return value, nil
	}
	switch {
	case s.Key == framesKey:
		return value, checkFrames(text)
	case strings.Contains(text, Checkout) && r.Job.Blend == "" && len(r.Job.Files) == 0:
		return value, fmt.Errorf("the job has no files and so no %s", Checkout)
	case isRoot(s) && given.Value != nil:
		return outputRoot(r.Job, given.Pos, text, r.platform())
	case s.Subtype != "":
		if err := checkLengths(strings.FieldsFunc(text, isSeparator)); err != nil {
			return value, fmt.Errorf("the path %w", err)
		}
	}
	return value, nil
}

func isSeparator(r rune) bool { return r == '/' || r == '\\' }

// outputRoot returns a root as the Manager gets it: absolute on the platform, relative to the blend file
// (//), or beginning with a Manager's variable. Relative ones of a manifest are relative to the manifest's
// folder.
func outputRoot(j *manifest.Job, pos manifest.Pos, root, platform string) (string, error) {
	windows := platform == "windows"
	foreign := windows != (runtime.GOOS == "windows")
	drive := place.HasDrive(root)
	share := strings.HasPrefix(root, `\\`)
	relative := false
	switch {
	case root == "", eval.HasVariable(root):
	case strings.HasPrefix(root, "//"):
		if foreign {
			return "", fmt.Errorf("%q is relative to the blend file, whose folder on this machine is no path on %s; give an absolute path, or {name}/… with a variable of the Manager", root, platform)
		}
	case share && windows && len(strings.FieldsFunc(root, isSeparator)) >= 2:
	case share:
		return "", fmt.Errorf("%q is a share of Windows; where the workers run Windows say --platform windows, else give the path at which they mount it, or {name}/… with a variable of the Manager", root)
	case drive && len(root) > 2 && isSeparator(rune(root[2])), !windows && strings.HasPrefix(root, "/"):
	default:
		relative = true
	}
	if !relative {
		return root, nil
	}
	fromManifest := !strings.HasPrefix(pos.File, "--") && j.Dir != ""
	if fromManifest && !foreign && !drive && !strings.ContainsAny(root[:1], `~/\{`) {
		return filepath.ToSlash(filepath.Join(j.Dir, filepath.FromSlash(root))), nil
	}
	return "", fmt.Errorf("%q is no absolute path on %s; give one, or //%s for beside the blend file, or {name}/%[3]s with a variable of the Manager (flsync farm variables lists them)",
		root, platform, strings.TrimLeft(root, `~/\`))
}

// FillCheckout replaces {checkout} in values by {jobs}/ and the path of the job's checkout, which the Manager
// chose.
func FillCheckout(values api.JobSettings, checkout string) {
	for key, value := range values {
		if text, ok := value.(string); ok && checkout != "" {
			values[key] = strings.ReplaceAll(text, Checkout, "{jobs}/"+checkout)
		}
	}
}

// InStorage reports whether a resolved output path lies in one of the storages: folders, or variables such as
// {storage}. The case of letters does not count on Windows' drives and shares.
func InStorage(output string, storages []string) bool {
	plain := func(p string) string { return strings.TrimRight(strings.ReplaceAll(place.Plain(p), `\`, "/"), "/") }
	output = plain(output)
	return !strings.Contains(output+"/", "/../") && slices.ContainsFunc(storages, func(storage string) bool {
		storage = plain(storage)
		_, ok := place.Rules{Case: place.Volume(storage+"/") != ""}.Below(storage, output)
		return ok && storage != ""
	})
}

// sendable reports whether a value of an expression can be sent as JSON.
func sendable(value any) bool {
	f, ok := value.(float64)
	return !ok || !math.IsNaN(f) && !math.IsInf(f, 0)
}
