package manager

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/getkin/kin-openapi/routers/legacy/pathpattern"
)

// Manager answers the Manager's API. Use [New].
type Manager struct {
	cfg    Config
	log    *slog.Logger
	guard  guard
	types  []jobType
	routes *pathpattern.Node

	store *store
	conf  *confFile
	blobs *blobStore
	local *os.Root // logs and images of jobs

	opened   []func() error // closes them
	jobFiles sync.RWMutex   // read: files are put into a job's folder; written: a job goes with its folder

	faults atomic.Pointer[Faults]

	images     chan renderedImage
	deletions  chan struct{} // holds one token when a job waits for deletion
	stop       context.CancelFunc
	background sync.WaitGroup
	closeOnce  sync.Once
	closeErr   error
}

// New opens or creates the Manager in cfg.Dir. Close it after use. Its background work ends with ctx or with
// Close.
func New(ctx context.Context, cfg Config) (*Manager, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	m := &Manager{
		cfg: cfg, log: cfg.Log, guard: newGuard(cfg.AllowedHosts),
		images:    make(chan renderedImage, imageQueue),
		deletions: make(chan struct{}, 1),
	}
	m.SetFaults(cfg.Faults)
	if m.routes, err = m.newRoutes(); err != nil {
		return nil, err
	}
	if m.types, err = loadJobTypes(); err != nil {
		return nil, err
	}
	if err := m.open(); err != nil {
		m.closeFiles()
		return nil, fmt.Errorf("manager: %w", err)
	}
	ctx, m.stop = context.WithCancel(ctx)
	for _, work := range []func(context.Context){m.housekeeping, m.deleteRequested, m.makeThumbnails} {
		m.background.Go(func() { work(ctx) })
	}
	return m, nil
}

// open opens what lies in cfg.Dir, the database first: its lock keeps a second Manager out of everything
// else.
func (m *Manager) open() (err error) {
	for _, dir := range []string{m.cfg.Dir, filepath.Join(m.cfg.Dir, "local")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	if m.store, err = openStore(filepath.Join(m.cfg.Dir, "manager.db"), m.cfg.Durable); err != nil {
		return err
	}
	m.opened = append(m.opened, m.store.close)
	m.store.full = func() bool { return m.fault().DiskFull }
	if m.local, err = os.OpenRoot(filepath.Join(m.cfg.Dir, "local")); err != nil {
		return err
	}
	m.opened = append(m.opened, m.local.Close)
	if m.conf, err = openConfFile(filepath.Join(m.cfg.Dir, "flamenco-manager.yaml"), m.cfg, m.StorageDir()); err != nil {
		return err
	}
	if m.blobs, err = openBlobStore(m.StorageDir(), m.fault); err == nil {
		m.opened = append(m.opened, m.blobs.jobs.Close)
	}
	return err
}

// Close ends background work and closes the database. Requests that still run fail.
func (m *Manager) Close() error {
	m.closeOnce.Do(func() {
		m.stop()
		m.background.Wait()
		m.closeErr = m.closeFiles()
	})
	return m.closeErr
}

func (m *Manager) closeFiles() (err error) {
	for _, shut := range slices.Backward(m.opened) {
		err = errors.Join(err, shut())
	}
	return err
}

// StorageDir is the shared storage on disk: blobs in file-store, checkouts in jobs.
func (m *Manager) StorageDir() string { return filepath.Join(m.cfg.Dir, "storage") }

// CheckoutDir is where checkouts lie on disk. With Shaman, the variable {jobs} stands for it.
func (m *Manager) CheckoutDir() string { return filepath.Join(m.StorageDir(), "jobs") }

// Serve answers on listener until ctx ends, lets requests that run finish for a few seconds, and returns nil.
// It closes the listener, not the Manager.
func (m *Manager) Serve(ctx context.Context, listener net.Listener) error {
	const (
		headerTimeout = 10 * time.Second // a header is small; slower than this is an attack or a broken network
		idleTimeout   = 2 * time.Minute  // longer than the client keeps idle connections, so that it closes them first
		grace         = 5 * time.Second  // for requests that run when ctx ends
	)
	server := &http.Server{
		Handler: m, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(m.log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("manager: serve: %w", err)
	case <-ctx.Done():
	}
	graceCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err := server.Shutdown(graceCtx)
	if err != nil {
		err = server.Close()
	}
	<-ended
	return err
}

// ServeHTTP implements http.Handler.
func (m *Manager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := m.guard.check(r); err != nil {
		m.log.Warn("request refused", "reason", err, "host", r.Host, "origin", r.Header.Get("Origin"))
		writeError(w, refuseBare(http.StatusForbidden, "%v", err))
		return
	}
	if name, ok := strings.CutPrefix(r.URL.Path, jobFilesPrefix+"/"); ok {
		m.serveJobFile(w, r, name)
		return
	}
	op, params, known := m.route(r)
	switch {
	case op != nil:
		q := &request{m: m, w: w, r: r, op: op, params: params}
		if err := op.handle(q); err != nil {
			m.fail(q, err)
		}
	case known:
		writeError(w, refuseBare(http.StatusNotFound, "method not allowed"))
	case r.URL.Path == "/":
		fmt.Fprintf(w, "%s, a Flamenco Manager embedded in flsync. Its API is below /api/v3/.\n", m.cfg.Name)
	default:
		writeError(w, refuseBare(http.StatusNotFound, "Not Found"))
	}
}
