package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/flsync/flsync/flamenco/api"
)

// tableLines renders jobs, workers and tasks with names of many kinds.
func tableLines(width int, colours bool) map[string][]string {
	long := strings.Repeat("a very long name ", 20)
	now := time.Now()
	var jobs []api.Job
	var workers []api.WorkerSummary
	var tasks []api.TaskSummary
	var types []api.AvailableJobSetting
	for i, name := range []string{"sh010", "", long, strings.Repeat("長い名前", 40), "e\u0301claire 🎬🎬 " + long, "tabs\tand\nlines\x1b[31m"} {
		id := fmt.Sprintf("%08d-0000-4000-8000-000000000000", i)
		jobs = append(jobs, api.Job{ID: id, Name: name, Type: "simple-blender-render", Status: api.JobStatusCancelRequested, Priority: 100, StepsTotal: 3, StepsCompleted: 3, Updated: now, Activity: name})
		workers = append(workers, api.WorkerSummary{ID: id, Name: name, Status: api.WorkerStatusAwake, Version: "3.9-beta1", StatusChange: &api.WorkerStatusChangeRequest{Status: "restart", IsLazy: true}})
		tasks = append(tasks, api.TaskSummary{ID: id, Name: name, TaskType: "file-management", Status: api.TaskStatusSoftFailed, StepsTotal: 3, Updated: now, Worker: &api.TaskWorker{Name: name}})
		types = append(types, api.AvailableJobSetting{Key: "image_file_extension", Type: "string", Description: name, Default: name})
	}
	lines := func(table string) []string { return strings.Split(table, "\n") }
	return map[string][]string{
		"jobs": lines(renderTable(jobs, jobKind.columns, width, colours)), "workers": lines(renderTable(workers, workerKind.columns, width, colours)),
		"tasks": lines(renderTable(tasks, taskColumns, width, colours)), "settings": lines(renderTable(types, settingColumns, width, colours)),
	}
}

var escapes = regexp.MustCompile("\x1b\\[[0-9]+m")

func TestDisplayWidth(t *testing.T) {
	for text, want := range map[string]int{"": 0, "sh010": 5, "長い": 4, "e\u0301": 1, "🎬🎬": 4, "ｆ": 2, "é\u200b": 1} {
		if got := displayWidth(text); got != want {
			t.Errorf("%q is %d wide, want %d", text, got, want)
		}
	}
	for text, want := range map[string]string{"長い名前": "長い~", "sh010": "sh010", "sh010x": "sh01~", "e\u0301e\u0301claire": "e\u0301e\u0301cl~"} {
		if got := cut(text, 5); got != want {
			t.Errorf("%q is cut to %q, want %q", text, got, want)
		}
	}
}

// TestTables: a table has a line for each thing, and no line is wider than the terminal.
func TestTables(t *testing.T) {
	for _, width := range []int{80, 200} {
		for _, colours := range []bool{false, true} {
			for name, lines := range tableLines(width, colours) {
				if len(lines) != 7 {
					t.Errorf("%s at %d: %d lines, want a title and 6", name, width, len(lines))
				}
				widest := 0
				for _, line := range lines {
					widest = max(widest, displayWidth(escapes.ReplaceAllString(line, "")))
					if !colours && (strings.ContainsRune(line, '\x1b') || strings.HasSuffix(line, " ")) {
						t.Errorf("%s at %d: %q", name, width, line)
					}
				}
				if widest > width || widest < width-2 {
					t.Errorf("%s: %d wide, want %d", name, widest, width)
				}
				if colours && !strings.Contains(lines[0], "\x1b[1m") {
					t.Errorf("%s: title is not bold: %q", name, lines[0])
				}
			}
		}
	}
}

// TestTableKeepsNames: at 80 columns, what a job is called says more than its type and activity.
func TestTableKeepsNames(t *testing.T) {
	jobs := []api.Job{{ID: someID, Name: "sq010_sh010_v012", Type: "simple-blender-render", Status: api.JobStatusCompleted, StepsTotal: 1, StepsCompleted: 1, Updated: time.Now(), Activity: "Changed to status \"completed\": all tasks completed"}}
	if table := renderTable(jobs, jobKind.columns, 80, false); !strings.Contains(table, "sq010_sh010_v012 ") {
		t.Error("\n" + table)
	}
}

// TestTablesPiped: what is no terminal gets whole cells.
func TestTablesPiped(t *testing.T) {
	lines := tableLines(0, false)["jobs"]
	if !strings.Contains(lines[3], strings.TrimSpace(strings.Repeat("a very long name ", 20))) {
		t.Errorf("a name was cut: %q", lines[3])
	}
}
