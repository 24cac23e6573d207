package ranges

import "testing"

func TestRanges(t *testing.T) {
	for text, want := range map[string]string{
		"1-3, 7": "1-3,7", "20..22,1": "1,20-22", "5,5,4": "4-5", "-5": "-5", "10-1": "", "1-": "bad", "a": "bad", "1-999999999": "bad",
	} {
		all, err := Parse(text)
		got := Format(all)
		if err != nil {
			got = "bad"
		}
		if got != want {
			t.Errorf("%q: %q (%v), want %q", text, got, err, want)
		}
	}
}

// TestFormat sorts numbers, and has each once.
func TestFormat(t *testing.T) {
	if got := Format([]int{7, 3, 1, 2, 7, -4}); got != "-4,1-3,7" {
		t.Error(got)
	}
	if got := Format(nil); got != "" {
		t.Error(got)
	}
}
