package once

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/submit/journal"
)

// fake is a Manager in memory that can act and then drop its answer, or fail without acting.
type fake struct {
	mu   sync.Mutex
	jobs []api.Job

	// trouble says what happens to a request to submit; it is asked with the number of the attempt, from 1.
	trouble func(attempt int) trouble
	posts   int
}

type trouble int

const (
	none     trouble = iota
	dropped          // acts, and the answer is lost
	cut              // the connection breaks before it acts
	refused          // 400
	stale            // 412
	broken           // 500 without acting
	away             // connection refused
	gateway          // 502 after acting
	late             // the connection breaks, and it acts some seconds later
	nonsense         // acts, and the answer makes no sense
	apology          // a proxy's web page with status 200
	bad              // JSON that is no job, without acting
)

// lateBy is how long a late request takes; the connection is long gone then.
const lateBy = 7 * time.Second

func (f *fake) Jobs(context.Context) ([]api.Job, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.jobs), nil
}

func (f *fake) Job(_ context.Context, id string) (api.Job, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, j := range f.jobs {
		if j.ID == id {
			return j, nil
		}
	}
	return api.Job{}, &flamenco.Error{Status: http.StatusNotFound, FromManager: true}
}

func (f *fake) SubmitJob(ctx context.Context, s api.SubmittedJob) (api.Job, error) {
	if err := ctx.Err(); err != nil {
		return api.Job{}, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.posts++
	what := none
	if f.trouble != nil {
		what = f.trouble(f.posts)
	}
	lost := &flamenco.UnreachableError{Method: "POST", Sent: true, Err: io.ErrUnexpectedEOF}
	switch what {
	case cut:
		return api.Job{}, lost
	case away:
		return api.Job{}, &flamenco.UnreachableError{Method: "POST", Err: errors.New("connection refused")}
	case refused:
		return api.Job{}, &flamenco.Error{Status: http.StatusBadRequest, Message: "job type unknown", FromManager: true}
	case stale:
		return api.Job{}, &flamenco.Error{Status: http.StatusPreconditionFailed, FromManager: true}
	case broken:
		return api.Job{}, &flamenco.Error{Status: http.StatusInternalServerError, FromManager: true}
	case apology:
		return api.Job{}, &flamenco.Error{Status: http.StatusOK, Err: flamenco.ErrNotAManager}
	case bad:
		return api.Job{}, &flamenco.Error{Status: http.StatusOK, Err: flamenco.ErrBadReply}
	}
	status := s.InitialStatus
	if status == "" {
		status = api.JobStatusQueued
	}
	j := api.Job{ID: fmt.Sprint("id-", f.posts), Name: s.Name, Metadata: s.Metadata, Status: status, Created: time.Now()}
	if what == late {
		time.AfterFunc(lateBy, func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.jobs = append(f.jobs, j)
		})
		return api.Job{}, lost
	}
	f.jobs = append(f.jobs, j)
	switch what {
	case nonsense:
		return api.Job{}, &flamenco.Error{Status: http.StatusOK, Message: "no job in the answer"}
	case dropped:
		return api.Job{}, lost
	case gateway:
		return api.Job{}, &flamenco.Error{Status: http.StatusBadGateway}
	}
	return j, nil
}

func (f *fake) SetJobStatus(_ context.Context, id string, status api.JobStatus, _ string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.jobs {
		if f.jobs[i].ID == id {
			if f.jobs[i].Status == api.JobStatusCompleted {
				return &flamenco.Error{Status: http.StatusUnprocessableEntity, FromManager: true}
			}
			f.jobs[i].Status = status
			return nil
		}
	}
	return &flamenco.Error{Status: http.StatusNotFound, FromManager: true}
}

// memory is a journal that keeps entries.
type memory struct {
	mu      sync.Mutex
	entries []journal.Entry
	fail    error
}

func (m *memory) Record(_ context.Context, e journal.Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail == nil {
		m.entries = append(m.entries, e)
	}
	return m.fail
}

func (m *memory) steps() (steps []journal.Step) {
	for _, e := range m.entries {
		steps = append(steps, e.Step)
	}
	return steps
}

func TestPostIsThereOnce(t *testing.T) {
	always := func(what trouble) func(int) trouble { return func(int) trouble { return what } }
	first := func(list ...trouble) func(int) trouble {
		return func(attempt int) trouble {
			if attempt <= len(list) {
				return list[attempt-1]
			}
			return none
		}
	}
	tests := []struct {
		name    string
		trouble func(int) trouble
		jobs    int // at the Manager afterwards
		fails   bool
		refused bool
		posts   int // 0: any number
		within  time.Duration
	}{
		{name: "nothing goes wrong", jobs: 1, posts: 1},
		{name: "the answer is lost", trouble: first(dropped), jobs: 1, posts: 1},
		{name: "a gateway answers for a Manager that acted", trouble: first(gateway), jobs: 1, posts: 1},
		{name: "the connection breaks before", trouble: first(cut, cut), jobs: 1, posts: 3},
		{name: "lost, after it broke before", trouble: first(cut, dropped), jobs: 1, posts: 2},
		{name: "the Manager is away for a while", trouble: first(away, away, away), jobs: 1, posts: 4},
		{name: "it acts long after the connection broke", trouble: first(late), jobs: 1, posts: 1},
		{name: "the answer makes no sense", trouble: first(nonsense), jobs: 1, posts: 1},
		{name: "a proxy apologizes with a web page", trouble: first(apology, apology), jobs: 1, posts: 3},
		{name: "refused after the connection broke", trouble: first(cut, refused), fails: true, refused: true, posts: 2},
		{name: "refused", trouble: always(refused), fails: true, refused: true, posts: 1},
		{name: "stale etag", trouble: always(stale), fails: true, refused: true, posts: 1},
		{name: "an internal error that passes", trouble: first(broken, broken), jobs: 1, posts: 3},
		{name: "an internal error that stays", trouble: always(broken), fails: true, refused: true, posts: internalErrors},
		{name: "a reply that is no job", trouble: always(bad), fails: true, refused: true, posts: 1, within: time.Second},
		{name: "the Manager stays away", trouble: always(away), fails: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &fake{trouble: test.trouble}
				log := new(memory)
				p := New(m, log, Config{Run: "r1"})
				began := time.Now()
				job, err := p.Post(t.Context(), Request{Job: api.SubmittedJob{Name: "sh010"}, Key: "k", Fingerprint: "f"})
				if took := time.Since(began); test.within > 0 && took > test.within {
					t.Errorf("it took %v, at most %v is expected", took, test.within)
				}
				if (err != nil) != test.fails {
					t.Fatalf("error %v, want one: %v", err, test.fails)
				}
				var no *RefusedError
				if errors.As(err, &no) != test.refused {
					t.Errorf("error %v, refused should be %v", err, test.refused)
				}
				if len(m.jobs) != test.jobs {
					t.Errorf("%d jobs at the Manager, want %d", len(m.jobs), test.jobs)
				}
				if test.posts != 0 && m.posts != test.posts {
					t.Errorf("%d requests to submit, want %d", m.posts, test.posts)
				}
				want := []journal.Step{journal.Posting, journal.Posted}
				switch {
				case test.refused:
					want[1] = journal.Refused
				case test.fails:
					want = want[:1]
				default:
					if job.Metadata[MetaKey] != "k" || job.Metadata[MetaFingerprint] != "f" || job.Metadata[MetaRun] != "r1" {
						t.Errorf("metadata %v lacks key, fingerprint or run", job.Metadata)
					}
				}
				if got := slices.Compact(log.steps()); !slices.Equal(got, want) { // one for each attempt
					t.Errorf("journal %v, want %v", got, want)
				}
			})
		})
	}
}

func TestNothingIsSentWithoutARecord(t *testing.T) {
	m := new(fake)
	p := New(m, &memory{fail: errors.New("disk full")}, Config{Run: "r"})
	if _, err := p.Post(t.Context(), Request{Key: "k"}); err == nil || m.posts > 0 {
		t.Errorf("error %v and %d posts, want an error and none", err, m.posts)
	}
}

func TestFind(t *testing.T) {
	deleted := time.Now()
	m := &fake{jobs: []api.Job{
		{ID: "old", Status: api.JobStatusCompleted, Created: time.Unix(1, 0), Metadata: api.JobMetadata{MetaKey: "k"}},
		{ID: "new", Status: api.JobStatusActive, Created: time.Unix(2, 0), Metadata: api.JobMetadata{MetaKey: "k"}},
		{ID: "failed", Status: api.JobStatusFailed, Created: time.Unix(3, 0), Metadata: api.JobMetadata{MetaKey: "k"}},
		{ID: "going", Status: api.JobStatusQueued, Created: time.Unix(4, 0), Metadata: api.JobMetadata{MetaKey: "k"}, DeleteRequestedAt: &deleted},
		{ID: "canceled", Status: api.JobStatusCanceled, Metadata: api.JobMetadata{MetaKey: "gone"}},
		{ID: "odd", Status: "never-heard-of", Metadata: api.JobMetadata{MetaKey: "odd"}},
	}}
	p := New(m, new(memory), Config{Run: "r"})
	for key, want := range map[string]string{"k": "new", "gone": "", "odd": "odd", "none": ""} {
		job, found, err := p.Find(t.Context(), key)
		if err != nil || found != (want != "") || job.ID != want {
			t.Errorf("Find(%q) = %q, %v, %v, want %q", key, job.ID, found, err, want)
		}
	}
}

func TestHoldAndRelease(t *testing.T) {
	m := new(fake)
	log := new(memory)
	p := New(m, log, Config{Run: "r"})
	for i, initial := range []api.JobStatus{"", api.JobStatusPaused, ""} {
		r := Request{Job: api.SubmittedJob{Name: fmt.Sprint(i), InitialStatus: initial}, Key: fmt.Sprint(i), Hold: true}
		if _, err := p.Post(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	statuses := func() (s []api.JobStatus) {
		for _, j := range m.jobs {
			s = append(s, j.Status)
		}
		return s
	}
	if want := []api.JobStatus{"paused", "paused", "paused"}; !slices.Equal(statuses(), want) || p.Held() != 2 {
		t.Errorf("before: %v with %d held, want %v and 2", statuses(), p.Held(), want)
	}
	if err := p.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := []api.JobStatus{"queued", "paused", "queued"}; !slices.Equal(statuses(), want) {
		t.Errorf("after: %v, want %v", statuses(), want)
	}
}

// A run that held jobs and died leaves them paused. The next one releases them, but not those that somebody
// paused after they had been released.
func TestAdopt(t *testing.T) {
	hold := api.JobMetadata{MetaKey: "k", MetaHold: "yes"}
	m := &fake{jobs: []api.Job{
		{ID: "held", Status: api.JobStatusPaused, Metadata: hold},
		{ID: "released", Status: api.JobStatusPaused, Metadata: hold},
		{ID: "runs", Status: api.JobStatusActive, Metadata: hold},
		{ID: "paused by hand", Status: api.JobStatusPaused, Metadata: api.JobMetadata{MetaKey: "k"}},
	}}
	p := New(m, new(memory), Config{Run: "r", Released: map[string]bool{"released": true}})
	for _, j := range m.jobs {
		p.Adopt(j, nil)
	}
	if err := p.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	var queued []string
	for _, j := range m.jobs {
		if j.Status == api.JobStatusQueued {
			queued = append(queued, j.ID)
		}
	}
	if !slices.Equal(queued, []string{"held"}) {
		t.Errorf("released %v, want the held one", queued)
	}
}

func TestHoldIsMarked(t *testing.T) {
	m := new(fake)
	p := New(m, new(memory), Config{Run: "r"})
	for _, r := range []Request{{Key: "1", Hold: true}, {Key: "2"}, {Key: "3", Hold: true, Job: api.SubmittedJob{InitialStatus: api.JobStatusPaused}}} {
		if _, err := p.Post(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	for _, j := range m.jobs {
		if got, want := j.Metadata[MetaHold] != "", j.Metadata[MetaKey] == "1"; got != want {
			t.Errorf("job %s is marked as held: %v", j.Metadata[MetaKey], got)
		}
	}
}

// A job that an earlier run sent just before it died arrives after this run has looked.
func TestFindAwaitsWhatAnEarlierRunSent(t *testing.T) {
	for _, tt := range []struct {
		name   string
		comes  time.Duration // after the run died; 0: never. Not at the moment of a look, 0.2, 0.6, 1.4, 3, 6.2 s after the second run began
		passed time.Duration // between the two runs
		found  bool
		waits  time.Duration // at most
	}{
		{"it comes", 7 * time.Second, time.Second, true, 10 * time.Second},
		{"it never comes", 0, time.Second, false, 20 * time.Second},
		{"it comes after what the clock took for hours", 2*time.Hour + 2*time.Second, 2 * time.Hour, true, 5 * time.Second},
		{"it is there", time.Second, 2 * time.Second, true, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &fake{jobs: []api.Job{{ID: "older", Status: api.JobStatusFailed, Metadata: api.JobMetadata{MetaKey: "k", MetaRun: "r0"}}}}
				if tt.comes > 0 {
					time.AfterFunc(tt.comes, func() {
						m.mu.Lock()
						defer m.mu.Unlock()
						m.jobs = append(m.jobs, api.Job{ID: "late", Status: api.JobStatusQueued, Created: time.Now(), Metadata: api.JobMetadata{MetaKey: "k", MetaRun: "r1"}})
					})
				}
				time.Sleep(tt.passed)
				begin := time.Now()
				p := New(m, new(memory), Config{Run: "r2", Unsettled: map[string]string{"k": "r1"}})
				if _, found, err := p.Find(t.Context(), "another"); found || err != nil || time.Since(begin) > 0 {
					t.Errorf("a key that nobody sent: %v, %v after %v", found, err, time.Since(begin))
				}
				j, found, err := p.Find(t.Context(), "k")
				if err != nil || found != tt.found || found && j.ID != "late" {
					t.Errorf("found %v %q, %v, want %v", found, j.ID, err, tt.found)
				}
				if took := time.Since(begin); took > tt.waits {
					t.Errorf("waited %v", took)
				}
			})
		})
	}
}

func TestAliveAndCancel(t *testing.T) {
	key := api.JobMetadata{MetaKey: "k"}
	m := &fake{jobs: []api.Job{
		{ID: "active", Status: api.JobStatusActive, Metadata: key}, {ID: "paused", Status: api.JobStatusPaused, Metadata: key},
		{ID: "done", Status: api.JobStatusCompleted, Metadata: key}, {ID: "failed", Status: api.JobStatusFailed, Metadata: key},
		{ID: "other", Status: api.JobStatusActive, Metadata: api.JobMetadata{MetaKey: "other"}},
	}}
	p := New(m, new(memory), Config{Run: "r"})
	if _, _, err := p.Find(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, j := range p.Alive("k") {
		ids = append(ids, j.ID)
	}
	if slices.Sort(ids); !slices.Equal(ids, []string{"active", "paused"}) {
		t.Errorf("alive: %v", ids)
	}
	// One that has ended since, and one that is gone, are as good as canceled.
	for _, j := range []api.Job{m.jobs[0], m.jobs[2], {ID: "gone"}} {
		if err := p.Cancel(t.Context(), []api.Job{j}, "test"); err != nil {
			t.Errorf("%s: %v", j.ID, err)
		}
	}
	if m.jobs[0].Status != api.JobStatusCancelRequested || m.jobs[2].Status != api.JobStatusCompleted {
		t.Errorf("afterwards: %v and %v", m.jobs[0].Status, m.jobs[2].Status)
	}
}

func TestReplaceCancelsTheOldJob(t *testing.T) {
	m := &fake{jobs: []api.Job{{ID: "old", Status: api.JobStatusActive}}}
	p := New(m, new(memory), Config{Run: "r"})
	if _, err := p.Post(t.Context(), Request{Key: "k", Replaces: m.jobs[:1:1]}); err != nil {
		t.Fatal(err)
	}
	if m.jobs[0].Status != api.JobStatusCancelRequested || len(m.jobs) != 2 {
		t.Errorf("jobs %v, want the old one asked to end and a new one", m.jobs)
	}
	if _, err := p.Post(t.Context(), Request{Key: "k2", Replaces: []api.Job{{ID: "deleted meanwhile"}}}); err != nil {
		t.Errorf("a job that is gone needs no cancelling: %v", err)
	}
}

// A hundred jobs, four at a time, in runs that end at any moment, with answers that get lost and requests
// that take effect when their run is long dead: each is there once.
func TestKilledAtRandom(t *testing.T) {
	const jobs, seeds = 100, 20
	for seed := range uint64(seeds) {
		random := rand.New(rand.NewPCG(seed, 1))
		m := &fake{trouble: func(int) trouble {
			if random.IntN(4) == 0 {
				return []trouble{dropped, cut, gateway, away, late, nonsense, apology}[random.IntN(7)]
			}
			return none
		}}
		synctest.Test(t, func(t *testing.T) {
			unsettled := make(map[string]string) // as package journal tells it
			for run := 0; ; run++ {
				ctx, kill := context.WithCancel(t.Context())
				log := &killing{after: random.IntN(40), kill: kill}
				name := fmt.Sprint("run", run)
				p := New(m, log, Config{Run: name, Unsettled: unsettled})
				done := submitAll(ctx, p, jobs)
				kill()
				if done {
					break
				}
				log.addUnsettled(unsettled, name)
			}
			time.Sleep(lateBy) // for what is still on its way
		})
		keys := make(map[string]int)
		for _, j := range m.jobs {
			keys[j.Metadata[MetaKey]]++
		}
		for key, n := range keys {
			if n != 1 {
				t.Errorf("seed %d: job %s is there %d times", seed, key, n)
			}
		}
		if len(keys) != jobs {
			t.Errorf("seed %d: %d jobs, want %d", seed, len(keys), jobs)
		}
	}
}

func submitAll(ctx context.Context, p *Poster, jobs int) bool {
	var group errgroup.Group
	group.SetLimit(4)
	for i := range jobs {
		group.Go(func() error {
			key := fmt.Sprint(i)
			_, found, err := p.Find(ctx, key)
			if err == nil && !found {
				_, err = p.Post(ctx, Request{Key: key})
			}
			return err
		})
	}
	return group.Wait() == nil
}

// addUnsettled adds the jobs that the run sent and that were never answered for.
func (k *killing) addUnsettled(open map[string]string, run string) {
	for _, e := range k.entries {
		if e.Step == journal.Posting {
			open[e.Key] = run
		} else {
			delete(open, e.Key)
		}
	}
}

// killing ends the run after some entries.
type killing struct {
	memory
	after int
	kill  func()
}

func (k *killing) Record(ctx context.Context, e journal.Entry) error {
	k.mu.Lock()
	k.after--
	dead := k.after < 0
	k.mu.Unlock()
	if dead {
		k.kill()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	e.Time = time.Now()
	return k.memory.Record(ctx, e)
}

// A job that an earlier version submitted under another key is found, by the Manager's list, the journal, and
// for frames.
func TestRenamedKeys(t *testing.T) {
	m := &fake{jobs: []api.Job{
		{ID: "before", Status: api.JobStatusCompleted, Metadata: api.JobMetadata{MetaKey: "old"}},
		{ID: "part", Status: api.JobStatusActive, Metadata: api.JobMetadata{MetaKey: "old frames 1-2"}},
	}}
	p := New(m, new(memory), Config{
		Run: "r", Renamed: map[string]string{"old": "new"},
		Earlier: map[string]journal.Job{"old": {ID: "before"}}, Unsettled: map[string]string{},
	})
	if !p.Knows("new") {
		t.Error("the journal's job is not known")
	}
	if job, found, err := p.Find(t.Context(), "new"); err != nil || !found || job.ID != "before" {
		t.Errorf("got %q, %v, %v", job.ID, found, err)
	}
	if alive := p.AliveWith("new frames "); len(alive) != 1 {
		t.Errorf("jobs for frames: %v", alive)
	}
}
