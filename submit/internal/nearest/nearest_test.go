package nearest

import "testing"

func TestName(t *testing.T) {
	fields := []string{"blend", "glob", "name", "type", "priority", "settings", "metadata", "worker_tag"}
	for _, tt := range []struct{ name, want string }{
		{"blned", "blend"},
		{"prio", "priority"},
		{"prority", "priority"},
		{"Settings", "settings"},
		{"seting", "settings"},
		{"workertag", "worker_tag"},
		{"nmae", "name"},
		{"frames", ""},
		{"x", ""},
		{"", ""},
	} {
		if got := Name(tt.name, fields); got != tt.want {
			t.Errorf("%q gives %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestHint(t *testing.T) {
	if got, want := Hint("grün", []string{"gruen", "grun"}), "; did you mean grun?"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := Name("simple-render", []string{"echo-sleep-test", "simple-blender-render"}); got != "simple-blender-render" {
		t.Errorf("%q for a shortened job type", got)
	}
	if got := Name("sleep", []string{"sleep_repeats", "sleep_duration"}); got != "" {
		t.Errorf("%q, which is one of two", got)
	}
	if got := Hint("zzz", []string{"abc"}); got != "" {
		t.Errorf("%q for nothing near", got)
	}
}
