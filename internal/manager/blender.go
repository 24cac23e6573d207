package manager

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/flsync/flsync/flamenco/api"
)

// blenderTimeout bounds the start of Blender, which is slow from a network drive.
const blenderTimeout = 10 * time.Second

var errNotBlender = errors.New("not a Blender executable")

func (m *Manager) findBlender(q *request) error {
	found := api.BlenderPathFindResult{}
	result := blenderAt(q.r.Context(), "blender")
	if result.IsUsable {
		result.Cause = strings.TrimPrefix(result.Cause, "Found ")
		found = append(found, result)
	}
	return q.reply(found)
}

func (m *Manager) checkBlender(q *request, sent api.PathCheckInput) error {
	result := blenderAt(q.r.Context(), cmp.Or(sent.Path, "blender"))
	result.Input = sent.Path
	return q.reply(result)
}

// blenderAt reports whether a command or path is a Blender, by asking it for its version. It runs what PATH
// finds, and files that mayRun allows; the real Manager runs whatever it is asked to check.
func blenderAt(ctx context.Context, command string) api.BlenderPathCheckResult {
	result := api.BlenderPathCheckResult{Input: command, Source: api.BlenderPathSourcePathEnvvar}
	path, err := exec.LookPath(command)
	if strings.ContainsAny(command, `/\`) {
		result.Source = api.BlenderPathSourceInputPath
		path, err = blenderFile(command)
	} else if err != nil {
		result.Source, result.Cause = "", "Blender could not be found"
		return result
	}
	var version string
	if err == nil {
		version, err = blenderVersion(ctx, path)
	}
	if err != nil {
		result.Cause = "There was an error running the command: " + err.Error()
		return result
	}
	result.IsUsable, result.Path, result.Cause = true, path, "Found "+version
	return result
}

// blenderFile returns the program at a path, or in the folder at that path, if it may be run.
func blenderFile(path string) (string, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", err
	case !filepath.IsAbs(path):
		return "", fmt.Errorf("%s is not run: not an absolute path", path)
	case info.IsDir():
		path = filepath.Join(path, "blender")
	}
	if found, err := exec.LookPath("blender"); err == nil && found == path {
		return path, nil
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", err
	}
	return path, mayRun(path)
}

func blenderVersion(ctx context.Context, path string) (string, error) {
	if !strings.HasPrefix(strings.ToLower(filepath.Base(path)), "blender") {
		return "", fmt.Errorf("%s: %w", path, errNotBlender)
	}
	ctx, cancel := context.WithTimeout(ctx, blenderTimeout)
	defer cancel()
	output, err := exec.CommandContext(ctx, path, "--version").CombinedOutput()
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(output)) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "Blender ") {
			return line, nil
		}
	}
	return "", fmt.Errorf("%s: %w", path, errNotBlender)
}
