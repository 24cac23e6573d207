// Package jobname names jobs after their blend files so that no two of them are alike: jobs of one name would
// render into one folder.
package jobname

import (
	"path"
	"strings"
)

// Distinct gives each blend file, a path with forward slashes, the name of its file, with as many folders
// before it as tell it from the others. All get the same number of folders, as far as they have them.
func Distinct(blends []string) map[string]string {
	names := make(map[string]string, len(blends))
	for depth := 1; ; depth++ {
		owners, more := make(map[string]int), false
		for _, blend := range blends {
			parts := strings.Split(strings.TrimSuffix(blend, path.Ext(blend)), "/")
			names[blend] = strings.Join(parts[max(0, len(parts)-depth):], "_")
			owners[names[blend]]++
			more = more || depth < len(parts)
		}
		if len(owners) == len(blends) || !more {
			return names
		}
	}
}
