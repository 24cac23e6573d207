package uploader_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/lab/managertest"
	"github.com/flsync/flsync/uploader"
)

// store is a Manager whose storage is on this machine.
type store struct {
	t       *testing.T
	client  *flamenco.Client
	storage string
	before  map[string]bool // what was there: a probe stays where the Manager's store is not seen
}

// stores runs a test with an embedded Manager, and with the one at FLSYNC_TEST_MANAGER if its storage is
// here.
func stores(t *testing.T, test func(*testing.T, *store)) {
	urls := map[string]string{"embedded": "", "real": os.Getenv("FLSYNC_TEST_MANAGER")}
	for name, url := range urls {
		t.Run(name, func(t *testing.T) {
			if name == "embedded" {
				url, _ = managertest.Embedded(t, t.TempDir())
			}
			if url == "" {
				t.Skip("set FLSYNC_TEST_MANAGER to the URL of a Flamenco Manager")
			}
			client, err := flamenco.New(flamenco.Config{URL: url, Version: "test"})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(client.Close)
			config, err := client.Configuration(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			s := &store{t: t, client: client, storage: filepath.Dir(config.StorageLocation)}
			s.before = make(map[string]bool)
			for _, name := range s.entries() {
				s.before[name] = true
			}
			if !config.ShamanEnabled || uploader.NewDirect(client, s.storage, nil).Look() != nil {
				t.Skip("its store is not on this machine")
			}
			test(t, s)
		})
	}
}

func (s *store) path(b uploader.Blob) string {
	return filepath.Join(s.storage, "file-store", "stored", b.SHA256[:2], b.SHA256[2:], strconv.FormatInt(b.Size, 10)+".blob")
}

// entries lists temporary files, checkouts of probes and the folders of all blobs. It looks into none of these,
// which takes minutes in a large store.
func (s *store) entries() (found []string) {
	s.t.Helper()
	for _, pattern := range []string{"file-store/uploading/.flsync*/*", "jobs/flsync-probe-*", "file-store/stored/*/*"} {
		names, err := filepath.Glob(filepath.Join(s.storage, pattern))
		if err != nil {
			s.t.Fatal(err)
		}
		found = append(found, names...)
	}
	return found
}

// leftovers lists what a run must not leave: temporary files, probes and their checkouts.
func (s *store) leftovers() []string {
	s.t.Helper()
	stored := filepath.Join(s.storage, "file-store", "stored")
	return slices.DeleteFunc(s.entries(), func(name string) bool {
		if s.before[name] || !strings.HasPrefix(name, stored) {
			return s.before[name]
		}
		_, err := os.Lstat(filepath.Join(name, "39.blob"))
		return errors.Is(err, fs.ErrNotExist)
	})
}

// random makes a blob that nobody has, from memory or, if it is large, from a file.
func random(t *testing.T, size int) (uploader.Blob, []byte) {
	data := make([]byte, size)
	source := rand.NewChaCha8([32]byte([]byte(t.Name() + strings.Repeat(" ", 32))[:32]))
	seed := rand.Uint64()
	for i := range data {
		if i%8 == 0 {
			seed ^= source.Uint64()
		}
		data[i] = byte(seed >> (i % 8 * 8))
	}
	return blobOf(t, data, len(data) > 1<<20), data
}

func blobOf(t *testing.T, data []byte, onDisk bool) uploader.Blob {
	sum := sha256.Sum256(data)
	b := uploader.Blob{SHA256: hex.EncodeToString(sum[:]), Size: int64(len(data)), Name: "blob", Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data)), nil
	}}
	if onDisk {
		b.Name = filepath.Join(t.TempDir(), "blob")
		if err := os.WriteFile(b.Name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		b.Open = func() (io.ReadCloser, error) { return os.Open(b.Name) }
	}
	return b
}

// send gives blobs to an uploader and returns what became of each, and the reasons against the direct way.
func send(t *testing.T, shaman uploader.Shaman, config uploader.Config, blobs ...uploader.Blob) []error {
	t.Helper()
	u, err := uploader.New(t.Context(), shaman, config)
	if err != nil {
		t.Fatal(err)
	}
	var all []*uploader.Pending
	for _, b := range blobs {
		all = append(all, u.Ensure(t.Context(), b))
	}
	errs := make([]error, len(all))
	for i, p := range all {
		if err := u.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		errs[i] = p.Wait(t.Context())
	}
	if err := u.Close(); err != nil {
		t.Fatal(err)
	}
	return errs
}

// TestDirect: the Manager reports what was written as stored, makes checkouts of it, touches it, and removes
// the checkout with its job.
func TestDirect(t *testing.T) {
	stores(t, func(t *testing.T, s *store) {
		var told []error
		direct := uploader.NewDirect(s.client, s.storage, func(err error) { told = append(told, err) })
		contents := make(map[string][]byte)
		var blobs []uploader.Blob
		var specs []api.ShamanFileSpec
		for i, size := range []int{0, 1, 5000, 1 << 20, 3<<20 + 1} {
			b, data := random(t, size)
			name := "f" + strconv.Itoa(i)
			if size <= 5000 { // as small files are sent, of which the digest was just taken
				b.Content = data
			}
			blobs, contents[name] = append(blobs, b), data
			specs = append(specs, api.ShamanFileSpec{Sha: b.SHA256, Size: b.Size, Path: name})
		}
		for i, err := range send(t, direct, uploader.Config{}, blobs...) {
			if err != nil {
				t.Errorf("blob %d: %v", i, err)
			}
		}
		if len(told) != 1 || told[0] != nil {
			t.Fatalf("told %v, want that it is used", told)
		}
		if n := direct.Written(); n < 4 { // the empty one may have been there
			t.Errorf("%d blobs were written", n)
		}
		if left := s.leftovers(); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
		theirs, _ := random(t, 100)
		if err := send(t, s.client, uploader.Config{}, theirs)[0]; err != nil {
			t.Fatal(err)
		}
		want, err := os.Stat(s.path(theirs))
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range blobs {
			if info, err := os.Stat(s.path(b)); err != nil || info.Mode() != want.Mode() {
				t.Errorf("%v has mode %v, the Manager's own %v, %v", b.Size, info.Mode(), want.Mode(), err)
			}
			old := time.Now().Add(-50 * time.Hour)
			if err := os.Chtimes(s.path(b), old, old); err != nil {
				t.Fatal(err)
			}
		}
		reply, err := s.client.ShamanRequirements(t.Context(), api.ShamanRequirementsRequest{Files: specs})
		if err != nil || len(reply.Files) > 0 {
			t.Errorf("requirements: %v, %v", reply.Files, err)
		}
		checkout, err := s.client.ShamanCheckout(t.Context(), api.ShamanCheckout{CheckoutPath: "direct/" + strconv.FormatUint(rand.Uint64(), 36), Files: specs})
		if err != nil {
			t.Fatal(err)
		}
		folder := filepath.Join(s.storage, "jobs", checkout)
		for name, data := range contents {
			if got, err := os.ReadFile(filepath.Join(folder, name)); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s in the checkout has other contents, %v", name, err)
			}
		}
		eventually(t, "stored blobs are touched", func() bool {
			for _, b := range blobs {
				if info, err := os.Stat(s.path(b)); err != nil || time.Since(info.ModTime()) > time.Hour {
					return false
				}
			}
			return true
		})
		job, err := s.client.SubmitJob(t.Context(), api.SubmittedJob{
			Name: "direct", Type: "echo-sleep-test", SubmitterPlatform: "linux", Settings: api.JobSettings{"message": "hello"},
			InitialStatus: api.JobStatusPaused, Storage: &api.JobStorageInfo{ShamanCheckoutID: checkout},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.client.DeleteJob(t.Context(), job.ID); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the checkout is gone", func() bool { _, err := os.Lstat(folder); return errors.Is(err, fs.ErrNotExist) })
		if _, err := os.Stat(s.path(blobs[2])); err != nil {
			t.Errorf("a blob went with the checkout: %v", err)
		}
	})
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

// asked notes the digests that a Manager is asked about.
type asked struct {
	uploader.Shaman
	mu      sync.Mutex
	digests []string
}

func (a *asked) ShamanRequirements(ctx context.Context, r api.ShamanRequirementsRequest) (api.ShamanRequirementsResponse, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, f := range r.Files {
		a.digests = append(a.digests, f.Sha)
	}
	return a.Shaman.ShamanRequirements(ctx, r)
}

// TestDirectUnasked: once the Manager lacked all that it was asked about, blobs are written without a question,
// until one is there already: the Manager is asked about that one, and about others after it.
func TestDirectUnasked(t *testing.T) {
	stores(t, func(t *testing.T, s *store) {
		manager := &asked{Shaman: s.client}
		direct := uploader.NewDirect(manager, s.storage, nil)
		u, err := uploader.New(t.Context(), direct, uploader.Config{})
		if err != nil {
			t.Fatal(err)
		}
		var blobs []uploader.Blob
		for range 4 {
			b, _ := random(t, 1000)
			blobs = append(blobs, b)
		}
		theirs := blobs[2]
		if err := send(t, s.client, uploader.Config{}, theirs)[0]; err != nil {
			t.Fatal(err)
		}
		for i, b := range blobs {
			p := u.Ensure(t.Context(), b)
			if err := errors.Join(u.Flush(t.Context()), p.Wait(t.Context())); err != nil {
				t.Fatal(err)
			}
			if want := i != 1; slices.Contains(manager.digests, b.SHA256) != want {
				t.Errorf("blob %d: the Manager was asked about it: %v, want %v", i, !want, want)
			}
		}
		if err := u.Close(); err != nil {
			t.Fatal(err)
		}
		if st := u.Stats(); st.Uploaded != 3 || st.Stored != 1 || direct.Written() != 3 {
			t.Errorf("%d were sent, %d were stored, %d were written; want 3, 1, 3", st.Uploaded, st.Stored, direct.Written())
		}
	})
}

// TestDirectChanged: what is not what was hashed never gets its name, and leaves nothing.
func TestDirectChanged(t *testing.T) {
	stores(t, func(t *testing.T, s *store) {
		for _, onDisk := range []bool{false, true} {
			b, data := random(t, 2<<20)
			for name, data := range map[string][]byte{"shorter": data[:1<<20], "longer": append(data[:len(data):len(data)], 1), "other": append([]byte{data[0] ^ 1}, data[1:]...)} {
				other := blobOf(t, data, onDisk)
				other.SHA256, other.Size = b.SHA256, b.Size
				if name != "other" { // which only a digest can find
					other.Content = data
				}
				if err := send(t, uploader.NewDirect(s.client, s.storage, nil), uploader.Config{}, other)[0]; !errors.Is(err, uploader.ErrChanged) {
					t.Errorf("%s: %v, want ErrChanged", name, err)
				}
				if _, err := os.Lstat(s.path(b)); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s: it has the name: %v", name, err)
				}
			}
		}
		if left := s.leftovers(); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
}

// TestDirectUnreadable: a large file that cannot be read is its own failure, not the store's.
func TestDirectUnreadable(t *testing.T) {
	stores(t, func(t *testing.T, s *store) {
		bad, _ := random(t, 2<<20)
		folder := t.TempDir()
		bad.Open = func() (io.ReadCloser, error) { return os.Open(folder) }
		good, _ := random(t, 2<<20)
		var told []error
		direct := uploader.NewDirect(s.client, s.storage, func(err error) { told = append(told, err) })
		errs := send(t, direct, uploader.Config{}, bad, good)
		if errs[0] == nil || errs[1] != nil || len(told) != 1 || told[0] != nil || direct.Written() != 1 {
			t.Errorf("errors %v, told %v, %d were written, want the first to fail and the other to be written", errs, told, direct.Written())
		}
	})
}

// TestDirectTogether: several writers of the same blobs and the Manager's own uploads do no harm to each
// other.
func TestDirectTogether(t *testing.T) {
	stores(t, func(t *testing.T, s *store) {
		contents := make(map[string][]byte)
		var blobs []uploader.Blob
		for range 200 {
			b, data := random(t, 20_000)
			blobs, contents[b.SHA256] = append(blobs, b), data
		}
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				var shaman uploader.Shaman = s.client
				if i > 0 {
					shaman = uploader.NewDirect(s.client, s.storage, func(err error) {
						if err != nil {
							t.Error(err)
						}
					})
				}
				for _, err := range send(t, shaman, uploader.Config{}, blobs...) {
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		for _, b := range blobs {
			if data, err := os.ReadFile(s.path(b)); err != nil || !bytes.Equal(data, contents[b.SHA256]) {
				t.Errorf("a blob has other contents, %v", err)
			}
		}
		if left := s.leftovers(); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
}

// TestDirectNeverOverwrites: a blob that got its name meanwhile stays what it is.
func TestDirectNeverOverwrites(t *testing.T) {
	stores(t, func(t *testing.T, s *store) {
		b, data := random(t, 1000)
		open := b.Open
		b.Open = func() (io.ReadCloser, error) { // between the look and the name
			if err := os.MkdirAll(filepath.Dir(s.path(b)), 0o777); err != nil {
				return nil, err
			}
			if err := os.WriteFile(s.path(b), data, 0o600); err != nil {
				return nil, err
			}
			return open()
		}
		if err := send(t, uploader.NewDirect(s.client, s.storage, nil), uploader.Config{}, b)[0]; err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(s.path(b)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("it was replaced: %v, %v", info.Mode(), err)
		}
	})
}

// TestDirectInstead: where the store cannot be used, blobs go to the Manager, with the reason.
func TestDirectInstead(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(t *testing.T, s *store) uploader.Shaman
		want  string
	}{
		{"not mounted", func(t *testing.T, s *store) uploader.Shaman {
			s.storage = filepath.Join(s.storage, "elsewhere")
			return s.client
		}, "no such file"},
		{"another store", func(t *testing.T, s *store) uploader.Shaman {
			s.storage = t.TempDir()
			for _, folder := range []string{"jobs", "file-store/stored", "file-store/uploading"} {
				if err := os.MkdirAll(filepath.Join(s.storage, folder), 0o777); err != nil {
					t.Fatal(err)
				}
			}
			return s.client
		}, "it is not the Manager's store"},
		{"not seen", func(t *testing.T, s *store) uploader.Shaman { return blind{s.client} }, "the Manager does not see"},
		{"no checkouts", func(t *testing.T, s *store) uploader.Shaman { return astray{s.client} }, "made a checkout"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stores(t, func(t *testing.T, s *store) {
				storage := s.storage
				shaman := tt.spoil(t, s)
				var told []error
				direct := uploader.NewDirect(shaman, s.storage, func(err error) { told = append(told, err) })
				b, _ := random(t, 5000)
				if err := send(t, direct, uploader.Config{}, b)[0]; err != nil {
					t.Fatal(err)
				}
				if len(told) != 1 || told[0] == nil || !strings.Contains(told[0].Error(), tt.want) {
					t.Errorf("told %v, want %q", told, tt.want)
				}
				s.storage = storage
				if _, err := os.Stat(s.path(b)); err != nil || direct.Written() > 0 {
					t.Errorf("the Manager did not get it: %v; %d were written", err, direct.Written())
				}
				if shards, _ := filepath.Glob(filepath.Join(s.storage, "file-store", "stored", "*")); len(shards) > 2 && t.Name() == "TestDirectInstead/not_seen/embedded" { // of the blob, and of the probe that the Manager was sent
					t.Errorf("folders left behind: %v", shards)
				}
				if left := s.leftovers(); len(left) > 0 && tt.name != "another store" {
					t.Errorf("left behind: %v", left)
				}
			})
		})
	}
}

// blind sees nothing that it was not sent.
type blind struct{ *flamenco.Client }

func (b blind) ShamanRequirements(_ context.Context, r api.ShamanRequirementsRequest) (reply api.ShamanRequirementsResponse, err error) {
	for _, f := range r.Files {
		reply.Files = append(reply.Files, api.ShamanFileSpecWithStatus{Sha: f.Sha, Size: f.Size, Status: api.ShamanFileStatusUnknown})
	}
	return reply, nil
}

// astray answers checkouts with a path that must not be removed.
type astray struct{ *flamenco.Client }

func (a astray) ShamanCheckout(context.Context, api.ShamanCheckout) (string, error) {
	return "../file-store", nil
}

// TestDirectLater: when writing fails in the middle of a run, the rest goes to the Manager.
func TestDirectLater(t *testing.T) {
	stores(t, func(t *testing.T, s *store) {
		var told []error
		direct := uploader.NewDirect(s.client, s.storage, func(err error) { told = append(told, err) })
		first, _ := random(t, 5000)
		second, _ := random(t, 5000)
		if err := send(t, direct, uploader.Config{}, first)[0]; err != nil {
			t.Fatal(err)
		}
		writing := filepath.Join(s.storage, "file-store", "uploading", ".flsync-"+second.SHA256[:1])
		if err := errors.Join(os.RemoveAll(writing), os.WriteFile(writing, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Remove(writing) })
		if err := send(t, direct, uploader.Config{}, second)[0]; err != nil {
			t.Fatal(err)
		}
		if len(told) != 2 || told[0] != nil || told[1] == nil || direct.Written() != 1 {
			t.Errorf("told %v, %d were written", told, direct.Written())
		}
	})
}

// TestDirectStale: what killed runs left goes after a day, what others are writing does not.
func TestDirectStale(t *testing.T) {
	stores(t, func(t *testing.T, s *store) {
		uploading := filepath.Join(s.storage, "file-store", "uploading")
		writing, earlier := filepath.Join(uploading, ".flsync-c"), filepath.Join(uploading, ".flsync")
		recent, old, older := filepath.Join(writing, "RECENT"), filepath.Join(writing, "OLD"), filepath.Join(earlier, "OLD")
		checkout := filepath.Join(s.storage, "jobs", "flsync-probe-old")
		if err := errors.Join(os.MkdirAll(writing, 0o777), os.MkdirAll(earlier, 0o777), os.WriteFile(recent, nil, 0o600), os.WriteFile(old, nil, 0o600),
			os.WriteFile(older, nil, 0o600), os.Mkdir(checkout, 0o777)); err != nil {
			t.Fatal(err)
		}
		for path, age := range map[string]time.Duration{recent: 23 * time.Hour, old: 25 * time.Hour, older: 25 * time.Hour, checkout: 25 * time.Hour} {
			at := time.Now().Add(-age)
			if err := os.Chtimes(path, at, at); err != nil {
				t.Fatal(err)
			}
		}
		if err := uploader.NewDirect(s.client, s.storage, nil).Prove(t.Context()); err != nil {
			t.Fatal(err)
		}
		if left := s.leftovers(); len(left) != 1 || left[0] != recent {
			t.Errorf("left: %v, want only %s", left, recent)
		}
		if err := os.Remove(recent); err != nil {
			t.Fatal(err)
		}
	})
}

// TestDirectLimit: the limit holds for what is written, too.
func TestDirectLimit(t *testing.T) {
	stores(t, func(t *testing.T, s *store) {
		direct := uploader.NewDirect(s.client, s.storage, nil)
		if err := direct.Prove(t.Context()); err != nil {
			t.Fatal(err)
		}
		b, _ := random(t, 3<<20)
		began := time.Now()
		if err := send(t, direct, uploader.Config{LimitUpload: 4 << 20}, b)[0]; err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 600*time.Millisecond {
			t.Errorf("3 MiB took %v at 4 MiB/s", took)
		}
		if direct.Written() != 1 {
			t.Errorf("%d were written", direct.Written())
		}
	})
}
