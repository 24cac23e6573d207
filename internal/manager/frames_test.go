package manager

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFrameChunks(t *testing.T) {
	for _, test := range []struct {
		frames string
		size   int
		want   []string
		err    string
	}{
		{"1-10", 4, []string{"1-4", "5-8", "9,10"}, ""},
		{"1..3", 1, []string{"1", "2", "3"}, ""},
		{" 3, 5 - 7 ,1 ", 10, []string{"1,3,5-7"}, ""},
		{"5,5,5-6", 10, []string{"5,6"}, ""},
		{"1,2,4,5,6,8", 10, []string{"1,2,4-6,8"}, ""},
		{"0", 1, []string{"0"}, ""},
		{"", 1, nil, `invalid range "": empty range`},
		{"9-1", 1, nil, `invalid range "9-1": empty range`},
		{"1", 0, nil, "invalid chunk size, must be positive number: 0"},
		{"-1", 1, nil, `invalid range "-1":  -1 (strconv.ParseInt: parsing "": invalid syntax)`},
		{"1-2-3", 1, nil, `invalid range "1-2-3": 1-2-3`},
		{"0-1000000", 1, nil, `invalid range "0-1000000": more than 1000000 frames`},
		{"0-9223372036854775807", 1, nil, `invalid range "0-9223372036854775807": more than 1000000 frames`},
	} {
		got, err := frameChunks(test.frames, test.size)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%q in chunks of %d: %s", test.frames, test.size, diff)
		}
		if text := errorText(err); text != test.err {
			t.Errorf("%q: error %q, want %q", test.frames, text, test.err)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// FuzzFrameChunks: the chunks of a range hold the frames of the range, in order, and none too many each.
func FuzzFrameChunks(f *testing.F) {
	f.Add("1-10, 20..25,40", 3)
	f.Add("9-1", 1)
	f.Fuzz(func(t *testing.T, frames string, size int) {
		chunks, err := frameChunks(frames, size)
		if err != nil {
			return
		}
		all, err := explodeFrames(frames)
		if err != nil {
			t.Fatal(err)
		}
		var again []int
		for _, chunk := range chunks {
			part, err := explodeFrames(chunk)
			if err != nil || len(part) == 0 || len(part) > size {
				t.Fatalf("chunk %q of %q: %d frames, %v", chunk, frames, len(part), err)
			}
			again = append(again, part...)
		}
		if !slices.Equal(all, again) {
			t.Fatalf("%q became %v", frames, chunks)
		}
	})
}
