package uploader

import (
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flsync/flsync/flamenco"
)

func TestChangedFile(t *testing.T) {
	t.Run("Verify notices", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			u := start(t, f, Config{})
			b := blob("as hashed")
			b.Verify = func() error { return errors.New("its time is another") }
			if err := u.Ensure(t.Context(), b).Wait(t.Context()); !errors.Is(err, ErrChanged) {
				t.Errorf("got %v", err)
			}
			// Another file of that content is served by what was sent.
			if err := u.Ensure(t.Context(), blob("as hashed")).Wait(t.Context()); err != nil {
				t.Error(err)
			}
			if len(f.order) != 1 {
				t.Errorf("sent %d times", len(f.order))
			}
			closeIt(t, u)
		})
	})
	t.Run("shrinks", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := newFake()
			f.Script = func(int, flamenco.Upload) (flamenco.UploadOutcome, error) {
				return 0, &flamenco.BodyError{Name: "x", Err: io.ErrUnexpectedEOF}
			}
			u := start(t, f, Config{})
			if err := u.Ensure(t.Context(), blob("x")).Wait(t.Context()); !errors.Is(err, ErrChanged) {
				t.Errorf("got %v", err)
			}
			closeIt(t, u)
		})
	})
}

func TestMovedBytesAddUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		slow := func(up flamenco.Upload) error {
			body, err := up.Body()
			if err != nil {
				return err
			}
			defer body.Close()
			for range 5 {
				time.Sleep(time.Second)
				if _, err := io.ReadFull(body, make([]byte, 1000)); err != nil {
					return err
				}
			}
			return nil
		}
		f.Script = func(n int, up flamenco.Upload) (flamenco.UploadOutcome, error) {
			if err := slow(up); err != nil {
				return 0, err
			}
			if n == 1 {
				return 0, cut(true)
			}
			if up.Name == "refused" {
				return 0, status(403)
			}
			if up.Name == "theirs" {
				f.mu.Lock()
				f.stored[up.SHA256] = true
				f.mu.Unlock()
				return flamenco.AlreadyStored, nil
			}
			return 0, nil
		}
		events := &recorder{}
		u := start(t, f, Config{LargeFile: 1000, Observer: events})
		moved := func() int64 {
			synctest.Wait()
			events.mu.Lock()
			defer events.mu.Unlock()
			return events.bytes[Moved]
		}
		p := u.Ensure(t.Context(), large("ours", 10_000))
		time.Sleep(3500 * time.Millisecond)
		if got := moved(); got != 3000 {
			t.Errorf("after 3 s, %d bytes are said to have gone out, want 3000", got)
		}
		if err := p.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := moved(); got != 10_000 {
			t.Errorf("in the end, %d bytes are said to have gone out, want 10000", got)
		}
		f.mu.Lock()
		f.sent[large("theirs", 10_000).SHA256] = 1
		f.mu.Unlock()
		ensureAll(t, u, []Blob{large("theirs", 10_000)})
		if err := u.Ensure(t.Context(), large("refused", 10_000)).Wait(t.Context()); err == nil {
			t.Error("no error")
		}
		if got := moved(); got != 10_000 {
			t.Errorf("bytes that were not needed count: %d", got)
		}
		closeIt(t, u)
	})
}

// A transport may read on after the Manager's early answer was returned. It must find the source closed.
func TestSourceIsLeftAloneAfterTheAnswer(t *testing.T) {
	f := newFake()
	var late io.ReadCloser
	f.Script = func(_ int, up flamenco.Upload) (flamenco.UploadOutcome, error) {
		late, _ = up.Body()
		f.mu.Lock()
		f.stored[up.SHA256] = true
		f.mu.Unlock()
		return flamenco.AlreadyStored, nil
	}
	u := start(t, f, Config{})
	ensureAll(t, u, numbered(1))
	closeIt(t, u)
	if n, err := late.Read(make([]byte, 1)); n != 0 || err == nil || err == io.EOF {
		t.Errorf("read %d bytes, %v", n, err)
	}
}
