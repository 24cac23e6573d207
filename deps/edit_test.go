package deps

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// The truth was rendered: each strip alone, at its first, middle and last frame, with images and scenes whose
// colour is their number. testdata/edit/README.md says how.
func TestEditShowsWhatBlenderRenders(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "edit", "*.json"))
	if err != nil || len(files) != 7 {
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
			blend := strings.TrimSuffix(file, ".json") + ".blend"
			edit, err := tracer.Edit(t.Context(), blend)
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
			more := 0.0 // frames that may be named although they are not seen
			if strings.HasPrefix(filepath.Base(file), "keys") {
				more = 1 // at half a frame Blender shows the one or the other, and both are named
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
					// At each place the strip shows this frame of its content, or for a scene that is rendered
					// between two frames both.
					one, err := tracer.editBetween(t.Context(), blend, frame, frame)
					if err != nil {
						t.Fatal(err)
					}
					for _, s := range one.Strips {
						low, high := math.Floor(number[1])-float64(s.First+1), float64(s.Last+1)-math.Ceil(number[1])
						if s.Name == name && (low < 0 || high < 0 || low+high > more) {
							t.Errorf("%s at %s shows %d to %d, want %g", name, at, s.First+1, s.Last+1, number[1])
						}
					}
				}
				if float64(s.Start) != first || float64(s.End) != last+1 {
					t.Errorf("%s is shown from %d until %d, want %g until %g", name, s.Start, s.End, first, last+1)
				}
				if low, high := shown[0]-float64(s.First+1), float64(s.Last+1)-shown[1]; low < 0 || high < 0 || low+high > more {
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
