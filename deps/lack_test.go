package deps

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// lacksOf traces a vector and gives its lacks of some code as "name: what" for comparing.
func lacksOf(t *testing.T, main, code string, show func(*Lack) string) []string {
	t.Helper()
	trace, err := newTracer(t, Config{}).Trace(t.Context(), filepath.Join("../testdata/blend", main))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for i := range trace.Lacks {
		l := &trace.Lacks[i]
		if about, ok := lackCodes()[l.Code]; !ok || l.Severity != about.Severity || l.Remedy == "" || l.Message == "" {
			t.Errorf("incomplete: %+v", *l)
		}
		if l.Code == code {
			list = append(list, show(l))
		}
	}
	slices.Sort(list)
	return list
}

// TestHoles tells of each sequence with missing frames once.
func TestHoles(t *testing.T) {
	for _, main := range []string{"54-holes/main.blend", "b522/54-holes/main.blend"} {
		got := lacksOf(t, main, LackHole, func(l *Lack) string { return filepath.Base(filepath.Dir(l.Path)) + " " + l.Frames })
		want := []string{"abc 3", "bare 4", "cyclic 2", "plain 2-3", "shifted 13", "twice 5", "vol 12", "vol 2", "vol 3"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(main, "-want +got:\n"+diff)
		}
	}
}

// TestFrameUse compares with what Blender 3.4 opens, frame by frame.
func TestFrameUse(t *testing.T) {
	for _, test := range []struct {
		use  FrameUse
		want []int // at frames 1 to 6; -1: none
	}{
		{FrameUse{Mode: framesImage, Start: 3, Count: 2}, []int{0, 0, 1, 2, 2, 2}},
		{FrameUse{Mode: framesImage, Start: 3, Count: 2, Offset: 4}, []int{4, 4, 5, 6, 6, 6}},
		{FrameUse{Mode: framesImage, Start: -2, Count: 9, Offset: 1}, []int{5, 6, 7, 8, 9, 10}},
		{FrameUse{Mode: framesRepeat, Start: 3, Count: 2}, []int{1, 2, 1, 2, 1, 2}},
		{FrameUse{Mode: framesClip, Start: 2, Count: 3, Offset: 9}, []int{-1, 10, 11, 12, -1, -1}},
		{FrameUse{Mode: framesExtend, Start: 2, Count: 3, Offset: 9}, []int{10, 10, 11, 12, 12, 12}},
		{FrameUse{Mode: framesPingPong, Start: 1, Count: 3}, []int{1, 2, 3, 2, 1, 2}},
		{FrameUse{Mode: framesScene}, []int{1, 2, 3, 4, 5, 6}},
		{FrameUse{}, []int{-1, -1, -1, -1, -1, -1}},
	} {
		var got []int
		for f := 1; f <= 6; f++ {
			n, ok := test.use.number(f)
			if !ok {
				n = -1
			}
			got = append(got, n)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%+v: %s", test.use, diff)
		}
	}
}
