package conform

import (
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Defaults go into the manifest's "defaults" as they are.
type Defaults struct {
	Type     string         `yaml:"type,omitempty"`
	Priority *int           `yaml:"priority,omitempty"`
	Settings map[string]any `yaml:"settings,omitempty"`
}

// WriteManifest writes a manifest of one job a shot, for people to read and change. The jobs' metadata says
// where in the edit, a file's path, each shot is shown: "edit", "event" and "record_in". Blend files are
// relative if the manifest is in folder project, else absolute; both folders are absolute paths.
func (c *Conform) WriteManifest(w io.Writer, folder, project, edit string, d Defaults) error {
	type job struct {
		Blend    string            `yaml:"blend"`
		Name     string            `yaml:"name"`
		Settings map[string]string `yaml:"settings"`
		Metadata map[string]string `yaml:"metadata,omitempty"`
	}
	manifest := struct {
		Version  int      `yaml:"version"`
		Project  string   `yaml:"project"`
		Defaults Defaults `yaml:"defaults"`
		Jobs     []job    `yaml:"jobs"`
	}{Version: 1, Project: project, Defaults: d, Jobs: []job{}}
	for _, s := range c.Shots {
		events, times := s.places()
		metadata := map[string]string{"edit": plain(filepath.Base(edit)), "event": plain(events), "record_in": plain(times)}
		maps.DeleteFunc(metadata, func(_, value string) bool { return value == "" })
		blend := s.Blend
		if folder != project {
			blend = filepath.ToSlash(filepath.Join(project, filepath.FromSlash(blend)))
		}
		manifest.Jobs = append(manifest.Jobs, job{blend, s.Name, map[string]string{"frames": s.Frames.String()}, metadata})
	}
	var doc yaml.Node
	if err := doc.Encode(manifest); err != nil {
		return err
	}
	var left []string
	for _, p := range c.Problems {
		left = append(left, "# left out: "+plain(p.String()))
	}
	doc.HeadComment = strings.Join(slices.Compact(left), "\n")
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(&doc); err != nil {
		return err
	}
	return enc.Close()
}
