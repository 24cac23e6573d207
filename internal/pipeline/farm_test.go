package pipeline

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
)

// TestSharedStorage leaves paths alone only where they open the same file on all workers.
func TestSharedStorage(t *testing.T) {
	here := runtime.GOOS
	for name, tt := range map[string]struct {
		users   string            // the value of users on this system
		values  map[string]string // those of workers, by platform
		workers []string          // their platforms
		want    []string
	}{
		"one path everywhere":              {"/mnt/farm", map[string]string{"linux": "/mnt/farm", "windows": "/mnt/farm", "darwin": "/mnt/farm"}, nil, []string{"/mnt/farm"}},
		"users elsewhere, Linux workers":   {`S:\farm`, map[string]string{"linux": "/mnt/farm", "windows": `S:\farm`}, []string{"linux"}, []string{"/mnt/farm"}},
		"users elsewhere, Windows workers": {"/mnt/farm", map[string]string{"linux": "/mnt/farm", "windows": `S:\farm`}, []string{"windows", "windows"}, []string{`S:\farm`}},
		"macOS users":                      {"/Volumes/farm", map[string]string{"linux": "/mnt/farm", "darwin": "/Volumes/farm"}, []string{"linux"}, []string{"/mnt/farm"}},
		"workers of two systems":           {"/mnt/farm", map[string]string{"linux": "/mnt/farm", "windows": `S:\farm`}, []string{"linux", "windows"}, nil},
		"no value for the workers":         {"/mnt/farm", map[string]string{"linux": "/mnt/farm"}, []string{"windows"}, nil},
		"no workers yet":                   {"/mnt/farm", map[string]string{here: "/mnt/farm", "plan9": "/n"}, nil, []string{"/mnt/farm"}},
	} {
		t.Run(name, func(t *testing.T) {
			manager := managerOf(t, tt.users, tt.values, tt.workers)
			r := &run{env: Env{Manager: manager, Sink: &lackSink{}}, farm: api.ManagerConfiguration{StorageLocation: "/srv/store"}}
			got, err := r.askStorage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			shared := slices.DeleteFunc(slices.Sorted(slices.Values(got.shared)), func(p string) bool { return strings.HasPrefix(p, "/srv/store") })
			if shared = slices.Compact(shared); !slices.Equal(shared, tt.want) {
				t.Errorf("left alone: %q, want %q", shared, tt.want)
			}
			if !slices.Contains(got.outputs, tt.users) {
				t.Errorf("frames may go to %q, and not to %q", got.outputs, tt.users)
			}
		})
	}
}

// managerOf answers what a farm's storage and workers are asked for: the value of a variable for users, those
// for workers by platform, and the platforms of workers.
func managerOf(t *testing.T, users string, values map[string]string, workers []string) *flamenco.Client {
	mux := http.NewServeMux()
	reply := func(pattern string, answer func(r *http.Request) any) {
		mux.HandleFunc("GET /api/v3/"+pattern, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(answer(r))
		})
	}
	reply("configuration/variables/{audience}/{platform}", func(r *http.Request) any {
		value := values[r.PathValue("platform")]
		if r.PathValue("audience") == "users" {
			value = users
		}
		all := map[string]any{"blender": map[string]any{"value": "blender", "is_twoway": false}}
		if value != "" {
			all["farm"] = map[string]any{"value": value, "is_twoway": true}
		}
		return all
	})
	reply("worker-mgt/workers", func(*http.Request) any {
		list := []any{}
		for i := range workers {
			list = append(list, map[string]any{"id": fmt.Sprintf("00000000-0000-4000-8000-%012d", i), "name": "w", "status": "awake", "version": "3", "can_restart": false})
		}
		return map[string]any{"workers": list}
	})
	reply("worker-mgt/workers/{id}", func(r *http.Request) any {
		id := r.PathValue("id")
		i, _ := strconv.Atoi(id[len(id)-12:])
		return map[string]any{"id": id, "name": "w", "status": "awake", "version": "3", "can_restart": false,
			"ip_address": "::1", "platform": workers[i], "supported_task_types": []string{}}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	manager, err := flamenco.New(flamenco.Config{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	return manager
}
