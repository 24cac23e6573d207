package eval

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

//go:embed blender_eval.py
var blenderScript string

// Blender evaluates expressions in a background Blender, one run a file. It is safe for use by several
// goroutines.
//
// An expression is a program of the Manager's, which Blender runs as Python with the rights of this process,
// as the add-on does: use it only with a Manager that is trusted like a colleague. [CheckForBlender] refuses
// what is obviously more than an expression.
type Blender struct {
	path    string
	args    []string
	timeout time.Duration // of one run; large files take tens of seconds to open
	slots   chan struct{} // one a run: each holds a whole file in memory
}

// NewBlender returns an error when the program is not found; a bare name is looked up in PATH. The args go
// before the file, for example --factory-startup: without it Blender runs with the user's preferences, because
// expressions may use what add-ons define. Scripts inside of blend files never run.
func NewBlender(program string, args ...string) (*Blender, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return nil, fmt.Errorf("finding Blender: %w", err)
	}
	parallel := min(max(runtime.NumCPU()/2, 1), 4)
	return &Blender{path, args, 2 * time.Minute, make(chan struct{}, parallel)}, nil
}

// Request is what is to be evaluated over one file.
type Request struct {
	BlendFile string // absolute path
	Scene     string // the file's active scene when empty
	JobName   string
	// Settings are the values that settings.NAME has. What is missing there is taken from Expressions.
	Settings map[string]any
	// Expressions by any key of the caller's, usually the setting.
	Expressions map[string]string
}

// Outcome of one expression: a value as Eval gives it, a list or dict, or the *Exception of Blender's Python.
type Outcome struct {
	Value any
	Err   error
}

// Eval opens the file and evaluates all expressions. The error is a *RefusedError, or says that Blender
// failed as a whole; what a single expression raised is in its Outcome.
func (b *Blender) Eval(ctx context.Context, r Request) (map[string]Outcome, error) {
	for _, key := range slices.Sorted(maps.Keys(r.Expressions)) {
		if err := CheckForBlender(r.Expressions[key]); err != nil {
			return nil, fmt.Errorf("setting %s: %w", key, err)
		}
	}
	select {
	case b.slots <- struct{}{}:
		defer func() { <-b.slots }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, b.timeout, fmt.Errorf("Blender took longer than %v", b.timeout))
	defer cancel()

	// Files can print; only a marker that they cannot know is believed.
	marker := "flsync-" + rand.Text()
	request, err := json.Marshal(map[string]any{
		"marker": marker, "scene": r.Scene, "jobname": r.JobName, "settings": r.Settings, "expressions": r.Expressions,
	})
	if err != nil {
		return nil, fmt.Errorf("writing the request for Blender: %w", err)
	}
	args := slices.Concat([]string{"--background", "--disable-autoexec"}, b.args,
		[]string{r.BlendFile, "--python-exit-code", "3", "--python-expr", blenderScript})
	cmd := exec.CommandContext(ctx, b.path, args...)
	// In the environment, because other users can read a command line.
	cmd.Env = append(os.Environ(), "FLSYNC_EVAL="+string(request))
	cmd.WaitDelay = 5 * time.Second // a child of Blender's may keep the pipe open
	var stdout, stderr tail
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	runErr := cmd.Run()

	_, rest, _ := bytes.Cut(stdout.data, []byte(marker))
	answer, _, found := bytes.Cut(rest, []byte(marker))
	if !found {
		runErr = cmp.Or(context.Cause(ctx), runErr, errors.New("it ended without an answer"))
		return nil, fmt.Errorf("running Blender on %s: %w%s", r.BlendFile, runErr, lastLines(stdout.data, stderr.data))
	}
	return readAnswer(answer)
}

func readAnswer(answer []byte) (map[string]Outcome, error) {
	var results map[string]struct {
		Value         any
		Type, Message string
	}
	decoder := json.NewDecoder(bytes.NewReader(answer))
	decoder.UseNumber()
	if err := decoder.Decode(&results); err != nil {
		return nil, fmt.Errorf("reading the answer of Blender: %w", err)
	}
	outcomes := make(map[string]Outcome, len(results))
	for key, r := range results {
		if r.Type != "" {
			outcomes[key] = Outcome{Err: &Exception{Type: r.Type, Message: r.Message}}
			continue
		}
		value, err := fromJSON(r.Value)
		outcomes[key] = Outcome{Value: value, Err: err}
	}
	return outcomes, nil
}

// fromJSON keeps Python's difference between 24 and 24.0. In a list or dict that already a json.Number does.
func fromJSON(v any) (any, error) {
	number, ok := v.(json.Number)
	if !ok {
		return v, nil
	} else if strings.ContainsAny(number.String(), ".eE") {
		return number.Float64()
	}
	n, err := number.Int64()
	if err != nil {
		return nil, raise("OverflowError", "the result does not fit into 64 bits").err
	}
	return n, nil
}

// lastLines are the last lines that Blender printed, for an error message.
func lastLines(stdout, stderr []byte) string {
	lines := strings.Split(strings.TrimSpace(string(stdout)+"\n"+string(stderr)), "\n")
	if lines = lines[max(len(lines)-5, 0):]; strings.Join(lines, "") == "" {
		return ""
	}
	return "; its last words:\n    " + strings.Join(lines, "\n    ")
}

// tail keeps the last megabytes of what is written to it.
type tail struct{ data []byte }

func (t *tail) Write(p []byte) (int, error) {
	const most = 4 << 20
	t.data = append(t.data, p...)
	if len(t.data) > 2*most {
		t.data = append([]byte(nil), t.data[len(t.data)-most:]...)
	}
	return len(p), nil
}
