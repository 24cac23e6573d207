package report

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Log keeps the events of one run in a file, one JSON object a line, so that the run can be shown
// the morning after. Only the owner can read it.
type Log struct {
	*JSONLines
	file *os.File
	buf  *bufio.Writer
}

// keepRuns is how many logs stay: half a year of nights with some tries between.
const keepRuns = 500

const logSuffix = ".jsonl"

// CreateLog begins the log of a run in folder dir, and takes away the oldest logs beyond the last 500.
func CreateLog(dir, run string) (*Log, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("run log: %w", err)
	}
	names, err := Runs(dir)
	if err != nil {
		return nil, err
	}
	for len(names) >= keepRuns {
		os.Remove(filepath.Join(dir, names[len(names)-1]+logSuffix)) // what cannot go today goes tomorrow
		names = names[:len(names)-1]
	}
	file, err := os.OpenFile(filepath.Join(dir, run+logSuffix), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("run log: %w", err)
	}
	buf := bufio.NewWriter(file)
	return &Log{JSONLines: NewJSONLines(buf), file: file, buf: buf}, nil
}

// Emit implements [Sink]. Everything but progress reaches the file at once, so that a killed run can
// still be read.
func (l *Log) Emit(e Event) {
	l.JSONLines.Emit(e)
	if _, ok := e.(Progress); ok {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = l.buf.Flush()
	}
}

// Close writes what is left.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.err, l.buf.Flush(), l.file.Close())
}

// Runs lists the runs that have a log in dir, newest first. Run names begin with their time.
func Runs(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("run logs: %w", err)
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), logSuffix); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	slices.Reverse(names)
	return names, nil
}

// ReadLog calls each for every event of a run. A last line that was cut off by a kill is skipped.
func ReadLog(dir, run string, each func(typ string, object json.RawMessage) error) error {
	file, err := os.Open(filepath.Join(dir, filepath.Base(run)+logSuffix))
	if err != nil {
		return fmt.Errorf("run log: %w", err)
	}
	defer file.Close()
	dec := json.NewDecoder(bufio.NewReader(file))
	for {
		var object json.RawMessage
		if dec.Decode(&object) != nil {
			return nil
		}
		var head struct {
			Type string `json:"type"`
		}
		if json.Unmarshal(object, &head) != nil {
			continue
		}
		if err := each(head.Type, object); err != nil {
			return err
		}
	}
}
