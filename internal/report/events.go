package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Start opens a run.
type Start struct {
	Run     string    `json:"run"`
	Command string    `json:"command"`
	Version string    `json:"version"`
	Manager string    `json:"manager,omitempty"` // root URL, without user and password
	Time    time.Time `json:"time"`
}

// Text implements [Event].
func (s Start) Text() string {
	return fmt.Sprintf("run %s: flsync %s %s, Manager %s", s.Run, s.Version, s.Command, cmp.Or(s.Manager, "none"))
}

// A Stage of the pipeline, as Progress names it.
type Stage string

// The stages, in the order in which work passes through them.
const (
	StageTrace    Stage = "trace"
	StageHash     Stage = "hash"
	StageCheck    Stage = "check"
	StageUpload   Stage = "upload"
	StageCheckout Stage = "checkout"
	StageSubmit   Stage = "submit"
)

// Progress is how far a stage has come. Totals grow while the stages before it still find work.
type Progress struct {
	Stage      Stage `json:"stage"`
	Done       int64 `json:"done"`
	Total      int64 `json:"total"`
	BytesDone  int64 `json:"bytes_done"`
	BytesTotal int64 `json:"bytes_total"`

	// Of uploads only: connections in use now, and what was put off or tried again so far.
	InFlight int   `json:"in_flight,omitempty"`
	Deferred int64 `json:"deferred,omitempty"`
	Retried  int64 `json:"retried,omitempty"`

	Elapsed float64 `json:"elapsed_s"` // seconds since the run began
}

// Text is empty: progress is drawn by [Bars] or not at all.
func (Progress) Text() string { return "" }

// Warning is something that did not stop the run but that somebody should know.
type Warning struct {
	Code    string   `json:"code"`
	Path    string   `json:"path,omitempty"`
	Job     string   `json:"job,omitempty"`
	Message string   `json:"message"`
	Chain   []string `json:"chain,omitempty"` // for a missing file: who wants it, outermost first

	HasLack bool `json:"-"` // a Lack says the same to people, and what to do
}

// Text implements [Event]. It is empty where a Lack says the same.
func (w Warning) Text() string {
	if w.HasLack {
		return ""
	}
	return "warning: " + place(w.Job, w.Path, w.Message) + chain(w.Chain)
}

// Lack is something that stands between a job and right frames.
type Lack struct {
	Code     string `json:"code"`
	Severity string `json:"severity"` // error: frames are wrong for certain; warning: they may be
	Path     string `json:"path"`     // of the file in question
	UsedBy   string `json:"used_by,omitempty"`
	ID       string `json:"id,omitempty"` // data-block that names the file
	Field    string `json:"field,omitempty"`
	Job      string `json:"job,omitempty"`
	Scene    string `json:"scene,omitempty"`
	Frames   string `json:"frames,omitempty"` // of a hole
	Chain    []Link `json:"chain,omitempty"`  // how the job comes to want the file, outermost first
	Message  string `json:"message"`
	Remedy   string `json:"remedy"` // what to do

	Again  bool `json:"-"` // an earlier job has the same one: the text is short
	Listed bool `json:"-"` // it is what the command was called for, and belongs to standard output
}

// Link is a data-block in a blend file.
type Link struct {
	Blend string `json:"blend"`
	ID    string `json:"id"`
}

// Text implements [Event].
func (l Lack) Text() string {
	text := fmt.Sprintf("lack: %s (%s, %s)", place(l.Job, l.Path, l.Message), l.Code, l.Severity)
	if l.Again {
		return text + ", as above"
	}
	for _, link := range l.Chain {
		text += fmt.Sprintf("\n         wanted by %s of %s", link.ID, link.Blend)
	}
	return text + "\n         what to do: " + l.Remedy
}

// Error is something that failed; the run's exit code says how much of it.
type Error struct {
	Code    string `json:"code"`
	Path    string `json:"path,omitempty"`
	Job     string `json:"job,omitempty"`
	Message string `json:"message"`

	From *Origin `json:"from,omitempty"` // of the job; nil for one that is from no edit
}

// Text implements [Event].
func (e Error) Text() string {
	text := "error: " + place(e.Job, e.Path, e.Message)
	if e.From != nil {
		text += " (from " + e.From.String() + ")"
	}
	return text
}

// Checkout is a checkout that the Manager made.
type Checkout struct {
	Requested string `json:"requested"`
	Path      string `json:"path"` // what the Manager made of it: the one to use
	Files     int    `json:"files"`
	Folder    string `json:"folder,omitempty"` // where it lies on disk, when this process knows
}

// Text implements [Event].
func (c Checkout) Text() string {
	s := fmt.Sprintf("checkout %s  %s", c.Path, Count(c.Files, "file"))
	if c.Folder != "" {
		s += "\n         in " + c.Folder
	}
	return s
}

// Job is a job that was submitted, or skipped because it was there already.
type Job struct {
	Name      string `json:"name"`
	Key       string `json:"key"`
	ID        string `json:"id"`
	Status    string `json:"status"`
	Checkout  string `json:"checkout"`
	Blendfile string `json:"blendfile"`
	Skipped   bool   `json:"skipped"`
	Reason    string `json:"reason,omitempty"` // why it was skipped
	JobType   string `json:"job_type,omitempty"`
	URL       string `json:"url,omitempty"`     // the job's page in the Manager's web interface
	Storage   string `json:"storage,omitempty"` // how its files get to the workers: shaman, copy or in-place
	DryRun    bool   `json:"dry_run,omitempty"`
	Frames    string `json:"frames,omitempty"` // of a dry run: the range that would be rendered
	Output    string `json:"output,omitempty"` // of a dry run: the path of a frame, with # for its digits

	From *Origin `json:"from,omitempty"` // nil for a job that is from no edit
}

// Text implements [Event].
func (j Job) Text() string {
	switch {
	case j.Skipped:
		return fmt.Sprintf("job      %-24s skipped: %s", j.Name, j.Reason)
	case j.DryRun:
		return fmt.Sprintf("job      %-24s would be submitted as %s%s", j.Name, j.JobType, j.renders())
	}
	text := fmt.Sprintf("job      %-24s %s  %s", j.Name, j.Status, j.ID)
	if j.Storage != "" && j.Storage != "shaman" { // as most have it
		text += "  " + j.Storage
	}
	return text
}

// renders says what a job of a dry run would render.
func (j Job) renders() (text string) {
	if j.Frames != "" {
		text = ": frames " + j.Frames
	}
	if j.Output != "" {
		text += ", to " + j.Output
	}
	return text
}

// Settings are all settings of a job of a dry run, but the blend file's path.
type Settings struct {
	Job    string         `json:"job"`
	Values map[string]any `json:"settings"`
}

// Text implements [Event].
func (s Settings) Text() string {
	lines := []string{"settings of " + s.Job}
	for _, key := range slices.Sorted(maps.Keys(s.Values)) {
		lines = append(lines, fmt.Sprintf("         %s = %v", key, s.Values[key]))
	}
	return strings.Join(lines, "\n")
}

// Listening says where a server that was started can be reached.
type Listening struct {
	URL     string `json:"url"`
	Storage string `json:"storage"`
}

// Text implements [Event].
func (l Listening) Text() string {
	return fmt.Sprintf("Manager at %s, storage in %s", l.URL, l.Storage)
}

// Hash is the digest of one file.
type Hash struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // lower-case hex
	BLAKE3 string `json:"blake3"` // lower-case hex
	Cached bool   `json:"cached"`
}

// Text is a line that `sha256sum -c` accepts: names with a backslash, a newline or a carriage return
// are escaped, and such a line begins with a backslash (GNU coreutils manual, "cksum output modes").
func (h Hash) Text() string {
	if !strings.ContainsAny(h.Path, "\\\n\r") {
		return h.SHA256 + "  " + h.Path
	}
	escaped := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`).Replace(h.Path)
	return `\` + h.SHA256 + "  " + escaped
}

// Note is a remark for people that programs may skip.
type Note struct {
	Code    string `json:"code,omitempty"` // stable, for programs that look for it: "unreachable"
	Message string `json:"message"`
	Detail  bool   `json:"-"` // for people who want to know more
}

// Text implements [Event].
func (n Note) Text() string { return n.Message }

func place(job, path, message string) string {
	var b strings.Builder
	if job != "" {
		fmt.Fprintf(&b, "job %s: ", job)
	}
	if path != "" && !strings.Contains(message, path) {
		fmt.Fprintf(&b, "%s: ", path)
	}
	b.WriteString(message)
	return b.String()
}

func chain(links []string) string {
	if len(links) == 0 {
		return ""
	}
	return "\n         wanted by " + strings.Join(links, " > ")
}

// Count returns a number with its noun: "1 file", "3 files".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
