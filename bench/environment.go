package bench

import (
	"debug/buildinfo"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/klauspost/cpuid/v2"
)

// Environment is what the figures depend on.
type Environment struct {
	Time     time.Time `json:"time"`
	Minutes  float64   `json:"minutes"`
	System   string    `json:"system"`
	CPU      string    `json:"cpu"`
	Cores    int       `json:"cores"`
	Load     string    `json:"load,omitempty"` // averages over 1, 5 and 15 minutes before the run, where the system tells
	Features []string  `json:"cpu_features"`   // those that the digests use
	Go       string    `json:"go"`
	Flsync   string    `json:"flsync"`    // its revision
	FlsyncGo string    `json:"flsync_go"` // what it was built with
	Manager  string    `json:"manager"`   // name and version
	Embedded bool      `json:"embedded"`  // the Manager is flsync's own
	InMemory bool      `json:"in_memory,omitempty"`
	Reps     int       `json:"reps"` // samples of each contender, at most
}

func environment(l *Lab) Environment {
	e := Environment{
		Flsync:   l.Revision,
		Time:     time.Now().UTC().Truncate(time.Second),
		System:   runtime.GOOS + "/" + runtime.GOARCH,
		CPU:      cpuid.CPU.BrandName,
		Cores:    runtime.NumCPU(),
		Go:       runtime.Version(),
		Embedded: l.Manager == ManagerSource{},
		Reps:     l.Reps,
		InMemory: l.InMemory,
	}
	for _, f := range []cpuid.FeatureID{cpuid.SHA, cpuid.SSE4, cpuid.AVX2, cpuid.AVX512F, cpuid.SHA2, cpuid.ASIMD} {
		if cpuid.CPU.Has(f) {
			e.Features = append(e.Features, strings.ToLower(f.String()))
		}
	}
	if said, err := os.ReadFile("/proc/loadavg"); err == nil {
		e.Load = strings.Join(strings.Fields(string(said))[:3], " ")
	}
	if info, err := buildinfo.ReadFile(l.Flsync); err == nil {
		e.FlsyncGo = info.GoVersion
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision" && l.Revision == "":
				e.Flsync = s.Value[:min(12, len(s.Value))] + e.Flsync
			case s.Key == "vcs.modified" && s.Value == "true" && l.Revision == "":
				e.Flsync += " and changes"
			}
		}
	}
	return e
}
