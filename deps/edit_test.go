package deps

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The truth was rendered: each strip alone, at its first, middle and last frame, with images and scenes whose colour is
// their number. testdata/edit/README.md says how.
func TestEditShowsWhatBlenderRenders(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "edit", "*.json"))
	if err != nil || len(files) != 5 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var truth struct {
				Strips map[string]map[string][2]float64 // frame of the edit to colour and number of the content's frame, from 1
			}
			if err := json.Unmarshal(text, &truth); err != nil {
				t.Fatal(err)
			}
			tracer, err := New(Config{})
			if err != nil {
				t.Fatal(err)
			}
			edit, err := tracer.Edit(context.Background(), strings.TrimSuffix(file, ".json")+".blend")
			if err != nil {
				t.Fatal(err)
			}
			if edit.FPS != 24 {
				t.Errorf("%g frames a second", edit.FPS)
			}
			got := map[string]EditStrip{}
			for _, s := range edit.Strips {
				got[s.Name] = s
				if s.Problem != "" || s.Note != "" {
					t.Errorf("%+v", s)
				}
			}
			for name, frames := range truth.Strips {
				if name == "meta" {
					name = "sh080"
				}
				s, ok := got[name]
				if !ok {
					t.Errorf("%s is not there", name)
					continue
				}
				first, last, shown := math.Inf(1), math.Inf(-1), [2]float64{math.Inf(1), math.Inf(-1)}
				for at, number := range frames {
					frame, err := strconv.ParseFloat(at, 64)
					if err != nil {
						t.Fatal(err)
					}
					first, last = min(first, frame), max(last, frame)
					shown = [2]float64{min(shown[0], number[1]), max(shown[1], number[1])}
				}
				if float64(s.Start) != first || float64(s.End) != last+1 {
					t.Errorf("%s is shown from %d until %d, want %g until %g", name, s.Start, s.End, first, last+1)
				}
				if float64(s.First+1) != shown[0] || float64(s.Last+1) != shown[1] {
					t.Errorf("%s shows %d to %d, want %g to %g", name, s.First+1, s.Last+1, shown[0], shown[1])
				}
				delete(got, name)
			}
			if len(got) > 0 {
				t.Errorf("strips that are not shown: %v", got)
			}
		})
	}
}
