package manager

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/flsync/flsync/flamenco/api"
)

// Logs of tasks and images of jobs are files below local/, one folder a job, and are served below /job-files.

const (
	jobFilesPrefix = "/job-files"
	logTail        = 2048 // bytes
)

func jobDir(id string) string { return filepath.Join("job-"+id[:4], id) }

func logName(jobID, taskID string) string {
	return filepath.Join(jobDir(jobID), "task-"+taskID+".txt")
}

// appendLog adds a line to a task's log. A log that cannot be written is not worth failing a task for.
func (m *Manager) appendLog(line logLine) {
	if line.text == "" {
		return
	}
	if !strings.HasSuffix(line.text, "\n") {
		line.text += "\n"
	}
	err := m.writeJobFiles(line.job, func() error { return m.writeLog(logName(line.job, line.task), line.text) })
	if err != nil {
		m.log.Error("task log could not be written", "task", line.task, "error", err)
	}
}

func (m *Manager) writeLog(name, text string) error {
	if err := m.local.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	file, err := m.local.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}

func (m *Manager) fetchTaskLogInfo(q *request) error {
	jobID, taskID, err := m.jobOf(q)
	if err != nil {
		return err
	}
	name := logName(jobID, taskID)
	info, err := m.local.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0:
		return q.empty(http.StatusNoContent)
	case err != nil:
		return err
	}
	return q.reply(api.TaskLogInfo{
		JobID: jobID, TaskID: taskID, Size: info.Size(), URL: path.Join(jobFilesPrefix, filepath.ToSlash(name)),
	})
}

// fetchTaskLogTail sends the last 2 KiB of a log, from the first whole line on.
func (m *Manager) fetchTaskLogTail(q *request) error {
	jobID, taskID, err := m.jobOf(q)
	if err != nil {
		return err
	}
	tail, err := m.readTail(logName(jobID, taskID))
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && len(tail) == 0:
		return q.empty(http.StatusNoContent)
	case err != nil:
		return err
	}
	q.w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	_, _ = q.w.Write(tail)
	return nil
}

func (m *Manager) readTail(name string) ([]byte, error) {
	file, err := m.local.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	from := max(0, info.Size()-logTail)
	tail, err := io.ReadAll(io.NewSectionReader(file, from, logTail))
	if newline := bytes.IndexByte(tail, '\n'); from > 0 && newline >= 0 && newline < len(tail)-1 {
		tail = tail[newline+1:]
	}
	return tail, err
}

// serveJobFile serves logs and images, and nothing else that may lie around.
func (m *Manager) serveJobFile(w http.ResponseWriter, r *http.Request, name string) {
	isFile := strings.HasSuffix(name, ".txt") || strings.HasSuffix(name, ".jpg")
	if !isFile || !fs.ValidPath(name) || r.Method != http.MethodGet && r.Method != http.MethodHead {
		writeError(w, refuseBare(http.StatusNotFound, "Not Found"))
		return
	}
	file, err := m.local.Open(filepath.FromSlash(name))
	if err != nil {
		writeError(w, refuseBare(http.StatusNotFound, "Not Found"))
		return
	}
	defer file.Close()
	modified := time.Time{}
	if info, err := file.Stat(); err == nil {
		modified = info.ModTime()
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, path.Base(name), modified, file)
}
