package manager

import (
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

// blenderTimeout is how long Blender may take to tell its version; from a network drive that can be long.
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

func (m *Manager) checkBlender(q *request) error {
	var sent api.PathCheckInput
	if err := q.decode(&sent); err != nil {
		return err
	}
	command := sent.Path
	if command == "" {
		command = "blender"
	}
	result := blenderAt(q.r.Context(), command)
	result.Input = sent.Path
	return q.reply(result)
}

// blenderAt says whether a command or path is a Blender. Only programs that are named so are run: the real Manager
// runs whatever it is asked to check.
func blenderAt(ctx context.Context, command string) api.BlenderPathCheckResult {
	result := api.BlenderPathCheckResult{Input: command}
	path := command
	if strings.ContainsAny(command, `/\`) {
		info, err := os.Stat(command)
		if err != nil {
			result.Cause = "There was an error running the command: " + err.Error()
			return result
		}
		if info.IsDir() {
			path = filepath.Join(command, "blender")
		}
		result.Source = api.BlenderPathSourceInputPath
	} else {
		found, err := exec.LookPath(command)
		if err != nil {
			result.Cause = "Blender could not be found"
			return result
		}
		path = found
		result.Source = api.BlenderPathSourcePathEnvvar
	}
	version, err := blenderVersion(ctx, path)
	if err != nil {
		result.Cause = "There was an error running the command: " + err.Error()
		return result
	}
	result.IsUsable, result.Path, result.Cause = true, path, "Found "+version
	return result
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
