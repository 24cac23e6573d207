//go:build !windows

package uploader

import (
	"io/fs"
	"syscall"
	"testing"
	"time"
)

type owned struct {
	uid, gid uint32
	mode     fs.FileMode
}

func (o owned) Name() string       { return "" }
func (o owned) Size() int64        { return 0 }
func (o owned) Mode() fs.FileMode  { return o.mode }
func (o owned) ModTime() time.Time { return time.Time{} }
func (o owned) IsDir() bool        { return false }
func (o owned) Sys() any           { return &syscall.Stat_t{Uid: o.uid, Gid: o.gid} }

func TestMayUse(t *testing.T) {
	for _, tt := range []struct {
		ours, theirs owned
		want         bool
	}{
		{owned{1, 1, 0}, owned{1, 1, 0o600}, true},
		{owned{1, 2, 0}, owned{1, 1, 0o640}, false}, // workers of the group cannot read it
		{owned{1, 2, 0}, owned{1, 1, 0o644}, true},
		{owned{0, 0, 0}, owned{1, 1, 0o644}, false},
		{owned{2, 1, 0}, owned{1, 1, 0o644}, false},
		{owned{2, 1, 0}, owned{1, 1, 0o664}, true},
		{owned{2, 2, 0}, owned{1, 1, 0o664}, false},
		{owned{2, 2, 0}, owned{1, 1, 0o666}, true},
		{owned{2, 2, 0}, owned{0, 0, 0o644}, true}, // root can do everything
	} {
		if got := mayUse(tt.ours, tt.theirs); got != tt.want {
			t.Errorf("ours %+v, theirs %+v: %v", tt.ours, tt.theirs, got)
		}
	}
}
