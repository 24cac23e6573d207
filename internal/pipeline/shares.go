package pipeline

import (
	"cmp"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/flsync/flsync/internal/report"
)

// shares adds up what was sent, by type and by folder.
type shares struct {
	mu             sync.Mutex
	types, folders map[string]report.Share
}

// mostFolders bounds the map. All further folders are added up as "(others)".
const mostFolders = 10_000

func (s *shares) add(path string, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.types == nil {
		s.types, s.folders = make(map[string]report.Share), make(map[string]report.Share)
	}
	ext := strings.ToLower(filepath.Ext(path))
	if ext == "" {
		ext = "(none)"
	}
	addShare(s.types, ext, bytes)
	addShare(s.folders, filepath.Dir(path), bytes)
}

func addShare(m map[string]report.Share, name string, bytes int64) {
	if _, known := m[name]; !known && len(m) >= mostFolders {
		name = "(others)"
	}
	share := m[name]
	m[name] = report.Share{Name: name, Files: share.Files + 1, Bytes: share.Bytes + bytes}
}

// mostShares is how many a summary lists.
const mostShares = 12

// largest returns the largest shares, and all others as one.
func (s *shares) largest(m *map[string]report.Share) []report.Share {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := slices.SortedFunc(maps.Values(*m), func(a, b report.Share) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(a.Name, b.Name))
	})
	if len(list) > mostShares {
		rest := report.Share{Name: "(others)"}
		for _, share := range list[mostShares:] {
			rest.Files += share.Files
			rest.Bytes += share.Bytes
		}
		list = append(list[:mostShares], rest)
	}
	return list
}
