package manifest_test

import (
	"errors"
	"fmt"
	"strings"

	"github.com/flsync/flsync/submit/manifest"
)

// A manifest becomes jobs. What a job does not say comes from the defaults.
func ExampleLoad() {
	text := `
defaults: {type: convert-movie, priority: 60, settings: {fps: 24}}
jobs:
- name: sq010 preview
- {name: sq020 preview, priority: 90, settings: {fps: 25}}
`
	jobs, err := manifest.Load([]string{manifest.Stdin}, manifest.Options{Stdin: strings.NewReader(text)})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, job := range jobs {
		fmt.Println(job.Name, job.Type, job.Priority, job.Settings["fps"].Value)
	}
	// Output:
	// sq010 preview convert-movie 60 24
	// sq020 preview convert-movie 90 25
}

// All mistakes come back at once, each with its place.
func ExampleErrors() {
	text := "version: 1\njobs:\n- {name: a, type: t, priority: 101}\n- {name: b, typ: t}\n"
	_, err := manifest.Load([]string{manifest.Stdin}, manifest.Options{Stdin: strings.NewReader(text)})
	var mistakes manifest.Errors
	if errors.As(err, &mistakes) {
		for _, m := range mistakes {
			fmt.Printf("line %d: %s\n", m.Pos.Line, m.Message)
		}
	}
	// Output:
	// line 3: priority is 101, the highest is 100
	// line 4: a job without a blend file needs a type
	// line 4: unknown field typ; did you mean type?
}
