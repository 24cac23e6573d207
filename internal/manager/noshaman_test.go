package manager_test

import (
	"net/http"
	"testing"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/manager"
)

// TestShamanStaysOff: the option beats the configuration file, whose other values stay.
func TestShamanStaysOff(t *testing.T) {
	dir := t.TempDir()
	for _, off := range []bool{true, false} {
		s := newServer(t, func(c *manager.Config) { c.Dir, c.NoShaman = dir, off })
		file := s.call(http.MethodGet, "/configuration/file", nil).body
		want(t, s.call(http.MethodPut, "/configuration/file", file), http.StatusNoContent, "")
		var config api.ManagerConfiguration
		s.decode(s.call(http.MethodGet, "/configuration", nil), &config)
		location := map[bool]string{true: s.StorageDir(), false: s.CheckoutDir()}[off]
		if config.ShamanEnabled == off || config.StorageLocation != location {
			t.Errorf("Shaman off is %v: %+v", off, config)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
