package manager

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/flsync/flsync/flamenco/api"
)

// conf is the configuration, with the keys of flamenco-manager.yaml: those that steer something here, and
// Rest for those that are only kept.
type conf struct {
	Meta                       confMeta            `yaml:"_meta"`
	ManagerName                string              `yaml:"manager_name"`
	SharedStoragePath          string              `yaml:"shared_storage_path"`
	Shaman                     confShaman          `yaml:"shaman"`
	TaskTimeout                duration            `yaml:"task_timeout"`
	WorkerTimeout              duration            `yaml:"worker_timeout"`
	BlocklistThreshold         int                 `yaml:"blocklist_threshold"`
	TaskFailAfterSoftFailCount int                 `yaml:"task_fail_after_softfail_count"`
	Variables                  map[string]variable `yaml:"variables"`
	Rest                       map[string]any      `yaml:",inline"`
}

type confMeta struct {
	Version int `yaml:"version"`
}

type confShaman struct {
	Enabled bool           `yaml:"enabled"`
	Rest    map[string]any `yaml:",inline"`
}

func defaultConf(name, storage string) *conf {
	c := &conf{
		Meta: confMeta{Version: 3}, ManagerName: name, SharedStoragePath: storage,
		TaskTimeout: "10m0s", WorkerTimeout: "1m0s", BlocklistThreshold: 3, TaskFailAfterSoftFailCount: 3,
		Variables: blenderVariables("blender"),
	}
	c.normalize()
	return c
}

// blenderVariables are the variables that start a Blender.
func blenderVariables(executable string) map[string]variable {
	return map[string]variable{
		"blender":     {Values: []variableValue{{Platform: "linux", Value: executable}, {Platform: "windows", Value: executable}, {Platform: "darwin", Value: executable}}},
		"blenderArgs": {Values: []variableValue{{Platform: "all", Value: "-b -y"}}},
	}
}

// normalize gives each value of a variable an audience, and removes variables that the Manager itself
// defines.
func (c *conf) normalize() {
	delete(c.Variables, "jobs")
	for name, v := range c.Variables {
		v.Values = slices.Clone(v.Values)
		for i := range v.Values {
			if v.Values[i].Audience == "" {
				v.Values[i].Audience = "all"
			}
		}
		c.Variables[name] = v
	}
}

// jobStorage is where jobs find their files: what {jobs} stands for.
func (c *conf) jobStorage() string {
	if c.SharedStoragePath == "" || !c.Shaman.Enabled {
		return c.SharedStoragePath
	}
	return filepath.Join(c.SharedStoragePath, "jobs")
}

// confFile is the configuration and the file that it is kept in.
type confFile struct {
	path   string
	shaman bool // beats what the file says
	mu     sync.Mutex
	now    *conf // replaced, never changed
}

func openConfFile(path string, cfg Config, storage string) (*confFile, error) {
	f := &confFile{path: path, shaman: !cfg.NoShaman, now: defaultConf(cfg.Name, storage)}
	f.now.Shaman.Enabled = f.shaman
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if f.shaman { // a place for frames from the start: {storage}/renders; without Shaman it is {jobs}
			f.now.Variables["storage"] = variable{TwoWay: true, Values: []variableValue{{Audience: "all", Platform: "all", Value: storage}}}
		}
		return f, f.replace(f.now)
	case err != nil:
		return nil, err
	}
	read := *f.now
	read.Variables = maps.Clone(f.now.Variables)
	if err := yaml.Unmarshal(data, &read); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	read.normalize()
	read.Shaman.Enabled = f.shaman
	f.now = &read
	return f, nil
}

func (f *confFile) get() *conf {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

// replace stores c, first in the file, whole or not at all.
func (f *confFile) replace(c *conf) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	c.Shaman.Enabled = f.shaman
	data, err := yaml.Marshal(c)
	if err != nil {
		return err
	}
	temp := f.path + "~"
	if err = os.WriteFile(temp, data, 0o600); err == nil {
		err = os.Rename(temp, f.path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	f.now = c
	return nil
}

func (m *Manager) getConfiguration(q *request) error {
	c := m.conf.get()
	return q.reply(api.ManagerConfiguration{
		IsFirstRun: c.SharedStoragePath == "", ShamanEnabled: c.Shaman.Enabled, StorageLocation: c.jobStorage(),
	})
}

func (m *Manager) getConfigurationFile(q *request) error {
	var reply map[string]any
	if err := convert(m.conf.get(), &reply); err != nil {
		return err
	}
	return q.reply(reply)
}

// convert makes one form of the configuration of another, by way of YAML.
func convert(from, to any) error {
	data, err := yaml.Marshal(from)
	if err != nil {
		return err
	}
	return yaml.Unmarshal(data, to)
}

// updateConfigurationFile replaces the whole configuration: keys that are not sent become empty.
func (m *Manager) updateConfigurationFile(q *request) error {
	var sent map[string]any
	if err := q.decode(&sent); err != nil {
		return err
	}
	c := new(conf)
	if err := convert(sent, c); err != nil {
		return refuse(http.StatusBadRequest, "invalid format: %v", err)
	}
	c.normalize()
	if err := m.conf.replace(c); err != nil {
		return fmt.Errorf("error saving configuration file: %w", err)
	}
	return q.empty(http.StatusNoContent)
}
