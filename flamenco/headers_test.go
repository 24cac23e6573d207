package flamenco

import (
	"net/http"
	"strings"
	"testing"
)

// TestHeaders: what HTTP does not allow in a header is refused before anything is sent.
func TestHeaders(t *testing.T) {
	for _, tt := range []struct {
		name, value string
		ok          bool
	}{
		{"X-Token", "secret word\tand more", true},
		{"x!#$%&'*+-.^_`|~9", "ünï", true},
		{"", "x", false},
		{"X Token", "x", false},
		{"X:Token", "x", false},
		{"X(Token)", "x", false},
		{"Tökèn", "x", false},
		{"X-Token", "line\nbreak", false},
		{"X-Token", "return\r", false},
		{"X-Token", "nul\x00", false},
		{"X-Token", "del\x7f", false},
	} {
		err := Config{URL: "http://127.0.0.1:8080", Header: http.Header{tt.name: {tt.value}}}.Validate()
		if (err == nil) != tt.ok || err != nil && strings.Contains(err.Error(), tt.value) && len(tt.value) > 1 {
			t.Errorf("%q: %q: %v", tt.name, tt.value, err)
		}
	}
}
