package manager

import (
	"cmp"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/flsync/flsync/flamenco/api"
)

// Version is the version of Flamenco Manager that this one behaves like.
const Version = "3.9-beta1"

func (m *Manager) getVersion(q *request) error {
	return q.reply(api.FlamencoVersion{
		Name: m.conf.get().ManagerName, Shortversion: Version, Version: Version + " (embedded in flsync)", Git: "flsync",
	})
}

// getFarmStatus sums up what workers and jobs do.
func (m *Manager) getFarmStatus(q *request) error {
	return m.view(q, func(s *store) (any, error) { return api.FarmStatusReport{Status: s.farmStatus()}, nil })
}

func (s *store) farmStatus() api.FarmStatus {
	usable, awake, asleep := false, false, false
	for _, w := range s.workers {
		if w.Deleted {
			continue
		}
		usable = usable || w.Status != api.WorkerStatusOffline && w.Status != api.WorkerStatusError
		awake = awake || w.Status == api.WorkerStatusAwake
		asleep = asleep || w.Status == api.WorkerStatusAsleep
	}
	active, queued := false, false
	for _, e := range s.ordered {
		active = active || e.Status == api.JobStatusActive
		queued = queued || e.Status == api.JobStatusQueued
	}
	switch {
	case !usable:
		return api.FarmStatusInoperative
	case active && awake:
		return api.FarmStatusActive
	case active || queued:
		return api.FarmStatusWaiting
	case asleep && !awake:
		return api.FarmStatusAsleep
	}
	return api.FarmStatusIdle
}

// checkSharedStorage reports whether a folder could be the shared storage. Because any account of this
// machine may ask, it looks only at the storage in use, at what flsync makes in it to see whether it is the
// same, and at folders that all accounts can look into.
func (m *Manager) checkSharedStorage(q *request, sent api.PathCheckInput) error {
	cause := storageProblem(sent.Path, m.StorageDir())
	if cause == "" {
		return q.reply(api.PathCheckResult{Path: sent.Path, IsUsable: true, Cause: "Directory checked successfully"})
	}
	return q.reply(api.PathCheckResult{Path: sent.Path, Cause: cause})
}

func storageProblem(path, own string) string {
	if path == "" {
		return "An empty path is not suitable as shared storage"
	}
	if strings.HasPrefix(path, `\\`) {
		return "UNC notation is not supported. Mount as a drive letter instead."
	}
	probe := filepath.Dir(path) == own && strings.HasPrefix(filepath.Base(path), ".flsync-") // of a client that sees the storage
	if path != own && !probe && (!filepath.IsAbs(path) || !openToAll(path)) {
		return "Only an absolute path is checked, to a folder that every account of this machine can look into."
	}
	info, err := os.Stat(path)
	switch {
	case os.IsNotExist(err):
		return "This path does not exist. Choose an existing directory."
	case err != nil:
		return "Error checking filesystem: " + err.Error()
	case !info.IsDir():
		return "The given path is not a directory. Choose an existing directory."
	}
	file, err := os.CreateTemp(path, "flamenco-writability-test-*.txt")
	if err != nil {
		return "Unable to create a file in that directory: " + err.Error() +
			". Pick an existing directory where Flamenco Manager can create files."
	}
	_, err = file.WriteString("Ünicöde")
	err = cmp.Or(err, file.Close())
	_ = os.Remove(file.Name())
	if err != nil {
		return "unable to write to " + file.Name() + ": " + err.Error()
	}
	return ""
}

// saveSetup stores what the setup assistant found out. The real Manager restarts then; here there is no need
// to.
func (m *Manager) saveSetup(q *request, sent api.SetupAssistantConfig) error {
	if problem := setupProblem(sent); problem != "" {
		return refuse(http.StatusBadRequest, "configuration is incomplete: %s", problem)
	}
	executable := "blender"
	switch sent.BlenderExecutable.Source {
	case api.BlenderPathSourcePathEnvvar:
		executable = sent.BlenderExecutable.Input
	case api.BlenderPathSourceInputPath, api.BlenderPathSourceSystemLocation:
		executable = sent.BlenderExecutable.Path
	}
	c := *m.conf.get()
	c.SharedStoragePath = sent.StorageLocation
	variables := blenderVariables(executable)
	for name, v := range c.Variables {
		if _, replaced := variables[name]; !replaced {
			variables[name] = v
		}
	}
	c.Variables = variables
	c.normalize()
	return q.ok(m.conf.replace(&c))
}

func setupProblem(sent api.SetupAssistantConfig) string {
	blender := sent.BlenderExecutable
	switch {
	case sent.StorageLocation == "":
		return "'storageLocation' field must not be empty"
	case !blender.IsUsable:
		return "sources should not have the 'is_usable' field set to false"
	}
	switch noPath := blender.Path == ""; blender.Source {
	case api.BlenderPathSourceFileAssociation:
		if noPath {
			return "'path' field must not be empty while using the 'file_association' source"
		}
	case api.BlenderPathSourceInputPath, api.BlenderPathSourcePathEnvvar, api.BlenderPathSourceSystemLocation:
		if noPath || blender.Input == "" {
			return "'path' or 'input' fields must not be empty while using the 'input_path' or 'path_envvar' sources"
		}
	}
	return ""
}
