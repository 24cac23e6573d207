package pipeline

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/hashcache"
	"github.com/flsync/flsync/uploader"
)

// TestOpenStamped: an unchanged file is opened also where a FileInfo has less of a stamp than the file has,
// as on Windows.
func TestOpenStamped(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	const more = 1
	stampAt := func(path string) (hashcache.Stamp, error) {
		s, err := hashcache.StampAt(path)
		s.Ctime += more
		return s, err
	}
	stamp, err := stampAt(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := openStamped(path, stamp, stampAt)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	stamp.Ctime -= more
	if _, err := openStamped(path, stamp, stampAt); !errors.Is(err, uploader.ErrChanged) {
		t.Errorf("a changed file: got %v", err)
	}
}

// TestIsOther: of a file that is no link into the store, only the size is known.
func TestIsOther(t *testing.T) {
	sha := strings.Repeat("ab", 32)
	checkout := t.TempDir()
	for name, tt := range map[string]struct {
		link, content string
		other         bool
	}{
		"flamenco":     {link: "../../file-store/stored/ab/" + sha[2:] + "/4.blob"},
		"built in":     {link: "../store/ab/" + sha[2:] + "-4.blob"},
		"another blob": {link: "../store/cd/" + sha[2:] + "/4.blob", other: true},
		"same size":    {content: "1234"},
		"other size":   {content: "12345", other: true},
		"absent":       {other: true},
	} {
		path := filepath.Join(checkout, name)
		var err error
		switch {
		case tt.link != "":
			err = os.Symlink(tt.link, path)
		case tt.content != "":
			err = os.WriteFile(path, []byte(tt.content), 0o600)
		}
		if err != nil {
			t.Skip(err)
		}
		if got := isOther(checkout, api.ShamanFileSpec{Path: name, Sha: sha, Size: 4}); got != tt.other {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
