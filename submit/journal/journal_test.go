package journal

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var when = time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)

func entries() []Entry {
	return []Entry{
		{Time: when, Step: CheckingOut, Key: "k1", Name: "sh010", Checkout: "asked"},
		{Time: when, Step: CheckedOut, Key: "k1", Checkout: "made-1"},
		{Time: when, Step: Posting, Key: "k1", Fingerprint: "f"},
		{Time: when, Step: Posted, Key: "k1", Job: "id-1"},
		{Time: when, Step: CheckingOut, Key: "k2", Name: "sh020\nwith a line break", Checkout: "asked"},
		{Time: when, Step: CheckedOut, Key: "k2", Checkout: "made-2"},
		{Time: when, Step: Ended, ExitCode: 3},
	}
}

func write(t *testing.T, dir, run string, list []Entry) string {
	t.Helper()
	r, err := Create(dir, Head{Run: run, Manager: "http://m", Projects: []string{"/p"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if err := r.Record(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, run+suffix)
}

func TestListTellsWhatWasDone(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "20260301-1", entries())
	write(t, dir, "20260302-1", nil)
	runs, err := List(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	if len(runs) != 2 || runs[0].Run != "20260302-1" || !runs[0].Ended.IsZero() {
		t.Fatalf("runs: %+v, want the newest first, and it not ended", runs)
	}
	want := []Job{
		{Key: "k1", Name: "sh010", Fingerprint: "f", Step: Posted, Checkout: "made-1", ID: "id-1", Time: when},
		{Key: "k2", Name: "sh020\nwith a line break", Step: CheckedOut, Checkout: "made-2", Time: when},
	}
	if diff := cmp.Diff(want, runs[1].Jobs, cmpopts.IgnoreUnexported(Job{})); diff != "" {
		t.Error(diff)
	}
	if runs[1].ExitCode != 3 || !runs[1].Ended.Equal(when) {
		t.Errorf("end: %v, exit code %d", runs[1].Ended, runs[1].ExitCode)
	}
	if len(runs[1].Jobs[0].Orphans()) != 0 || len(runs[1].Jobs[1].Orphans()) != 1 {
		t.Error("the checkout without a job is to be the orphan, and no other")
	}
	info, err := os.Stat(filepath.Join(dir, "20260301-1"+suffix))
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		t.Errorf("mode %v: others can read it", info.Mode())
	}
}

func TestLeftOpen(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "1", []Entry{
		{Time: when, Step: CheckedOut, Key: "lost", Checkout: "c-lost"},
		{Time: when, Step: Posting, Key: "lost"},
		{Time: when, Step: Posting, Key: "failed"}, {Time: when, Step: Failed, Key: "failed", Error: "the Manager stayed away"},
		{Time: when, Step: Posting, Key: "found later"},
		{Time: when, Step: Posting, Key: "answered"}, {Time: when, Step: Posted, Key: "answered", Job: "id-1"},
		{Time: when, Step: Posting, Key: "refused"}, {Time: when, Step: Refused, Key: "refused"},
	})
	write(t, dir, "2", []Entry{
		{Time: when, Step: Skipped, Key: "found later", Job: "id-2"},
		{Time: when, Step: Posted, Key: "held", Job: "id-3"}, {Time: when, Step: Releasing, Key: "held", Job: "id-3"}, {Time: when, Step: Released, Key: "held", Job: "id-3"},
		{Time: when, Step: Posted, Key: "waits", Job: "id-4"}, {Time: when, Step: Releasing, Key: "waits", Job: "id-4"},
	})
	write(t, dir, "3", []Entry{{Time: when, Step: Skipped, Key: "held", Job: "id-3"}})
	got, err := LeftOpen(dir, "http://m", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Open{
		Unsettled: map[string]string{"lost": "1", "failed": "1"}, Released: map[string]bool{"id-3": true},
		Jobs: map[string]Job{"answered": {ID: "id-1"}, "found later": {ID: "id-2"}, "held": {ID: "id-3"}, "waits": {ID: "id-4"}},
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b Job) bool { return a.ID == b.ID })); diff != "" {
		t.Error(diff)
	}
	for _, keys := range [][]string{{"held"}, {"waits", "lost"}, {"found later"}, {"answered", "unheard of"}} {
		some, err := LeftOpen(dir, "http://m", keys)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.Released, some.Released); diff != "" {
			t.Errorf("of %q: %s", keys, diff)
		}
		asked := func(key string) bool { return slices.Contains(keys, key) }
		for key := range got.Jobs {
			if got.Jobs[key].ID != some.Jobs[key].ID && asked(key) || some.Jobs[key].ID != "" && !asked(key) {
				t.Errorf("of %q: %+v for %s", keys, some.Jobs[key], key)
			}
		}
		for key, run := range got.Unsettled {
			if asked(key) != (some.Unsettled[key] == run) {
				t.Errorf("of %q: %s was sent by %q", keys, key, some.Unsettled[key])
			}
		}
	}
	got, err = LeftOpen(dir, "http://another", nil)
	if err != nil || len(got.Unsettled)+len(got.Released) > 0 {
		t.Errorf("%+v, %v: of another Manager", got, err)
	}
	if got, err := LeftOpen(t.TempDir(), "http://m", nil); err != nil || len(got.Unsettled) > 0 {
		t.Errorf("%+v, %v without a journal", got, err)
	}
}

// Of two runs of one second the names do not say which was later: what the later one left open counts.
func TestLeftOpenWithinASecond(t *testing.T) {
	for _, name := range []struct{ first, second string }{{"run-a", "run-b"}, {"run-b", "run-a"}} {
		dir := t.TempDir()
		write(t, dir, name.first, []Entry{{Time: when, Step: Posting, Key: "k"}, {Time: when, Step: Refused, Key: "k"}})
		write(t, dir, name.second, []Entry{{Time: when, Step: Posting, Key: "k"}})
		got, err := LeftOpen(dir, "http://m", nil)
		if err != nil || got.Unsettled["k"] != name.second {
			t.Errorf("%s after %s: %+v, %v", name.second, name.first, got, err)
		}
	}
}

func TestOrphans(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "1", []Entry{
		{Time: when, Step: CheckedOut, Key: "never posted", Checkout: "c1"},
		{Time: when, Step: CheckedOut, Key: "answer lost", Checkout: "c2"}, {Time: when, Step: Posting, Key: "answer lost", Checkout: "c2"},
		{Time: when, Step: CheckedOut, Key: "the project's", Checkout: "shared"},
		{Time: when, Step: Posted, Key: "shares", Checkout: "shared", Job: "id-1"},
		{Time: when, Step: CheckingOut, Key: "no answer", Checkout: "asked"},
		{Time: when, Step: CheckingOut, Key: "none made", Checkout: "asked too"}, {Time: when, Step: NoCheckout, Key: "none made"},
		{Time: when, Step: CheckingOut, Key: "third time", Checkout: "no answer"},
		{Time: when, Step: CheckingOut, Key: "third time", Checkout: "nor now"},
		{Time: when, Step: CheckingOut, Key: "third time", Checkout: "c3"},
		{Time: when, Step: CheckedOut, Key: "third time", Checkout: "c3"}, {Time: when, Step: Posted, Key: "third time", Job: "id-3"},
	})
	write(t, dir, "2", []Entry{{Time: when, Step: Skipped, Key: "answer lost", Job: "id-2", Checkout: "c2"}})
	runs, err := List(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, j := range runs[1].Jobs {
		got = append(got, j.Orphans()...)
	}
	if diff := cmp.Diff([]string{"c1", "asked", "no answer", "nor now"}, got); diff != "" {
		t.Error(diff)
	}
}

// A crash may leave any beginning of the file, and any bytes in the last write.
func TestCutOffAnywhere(t *testing.T) {
	dir := t.TempDir()
	path := write(t, dir, "run", entries())
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := parse(whole)
	if len(all) != len(entries())+1 {
		t.Fatalf("%d entries were read of %d", len(all), len(entries())+1)
	}
	for cut := range len(whole) {
		got := parse(whole[:cut])
		if want := strings.Count(string(whole[:cut]), "\n"); len(got) != want {
			t.Fatalf("cut at byte %d: %d entries, want %d", cut, len(got), want)
		}
		if diff := cmp.Diff(all[:len(got)], got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("cut at byte %d: %s", cut, diff)
		}
		torn := append(append([]byte(nil), whole[:cut]...), make([]byte, 64)...) // zeros, as after a power cut
		if got := parse(torn); len(got) > len(all) || !cmp.Equal(all[:len(got)], got, cmpopts.EquateEmpty()) {
			t.Fatalf("zeros from byte %d: read something that was never written: %v", cut, got)
		}
	}
	for i := range whole { // a flipped bit ends the reading, and is never believed
		bad := append([]byte(nil), whole...)
		bad[i] ^= 4
		if got := parse(bad); !cmp.Equal(all[:len(got)], got, cmpopts.EquateEmpty()) {
			t.Fatalf("flipped bit in byte %d was believed", i)
		}
	}
}

func TestRecordsSideBySide(t *testing.T) {
	dir := t.TempDir()
	r, err := Create(dir, Head{Run: "run"})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			if err := r.Record(t.Context(), Entry{Step: Posted, Key: fmt.Sprint(i)}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	r.Close()
	runs, err := List(dir, 1)
	if err != nil || len(runs) != 1 || len(runs[0].Jobs) != 200 {
		t.Errorf("runs %v, error %v, want one run of 200 jobs", len(runs), err)
	}
}

func TestNothingIsRecordedAfterAFailure(t *testing.T) {
	r, err := Create(t.TempDir(), Head{Run: "run"})
	if err != nil {
		t.Fatal(err)
	}
	r.file.Close()
	for range 2 {
		if err := r.Record(t.Context(), Entry{Step: Posting}); err == nil {
			t.Error("a record that cannot be written was taken for written")
		}
	}
}

func TestLock(t *testing.T) {
	if dir := os.Getenv("JOURNAL_LOCK_DIR"); dir != "" { // the other process
		if _, err := Lock(dir, "m", "p", "other"); err != nil {
			fmt.Print(err)
			os.Exit(7)
		}
		os.Exit(0)
	}
	dir := t.TempDir()
	held, err := Lock(dir, "m", "p", "mine")
	if err != nil {
		t.Fatal(err)
	}
	if other, err := Lock(dir, "m", "another project", "x"); err != nil {
		t.Errorf("another project: %v", err)
	} else {
		other.Unlock()
	}
	attempt := func() (string, error) {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestLock$")
		cmd.Env = append(os.Environ(), "JOURNAL_LOCK_DIR="+dir)
		out, err := cmd.Output()
		return string(out), err
	}
	out, err := attempt()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 7 || !strings.Contains(out, fmt.Sprintf("run mine, process %d", os.Getpid())) {
		t.Errorf("the other process got %v: %q, want to be told who holds the lock", err, out)
	}
	held.Unlock()
	if out, err := attempt(); err != nil {
		t.Errorf("after Unlock: %v: %s", err, out)
	}
}

func FuzzParse(f *testing.F) {
	line, err := entries()[0].line()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(line)
	f.Add([]byte("00000000 {}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		tell(parse(text))
	})
}

func BenchmarkRecord(b *testing.B) {
	r, err := Create(b.TempDir(), Head{Run: "run"})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	b.SetParallelism(4)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := r.Record(b.Context(), Entry{Step: Posting, Key: "k"}); err != nil {
				b.Error(err)
			}
		}
	})
}

// Runs of a night in which the clock stood in the future are not the latest for ever.
func TestRunsOfTheFuture(t *testing.T) {
	dir := t.TempDir()
	future, past := time.Now().AddDate(12, 0, 0).UTC(), time.Now().AddDate(0, 0, -1).UTC()
	for _, run := range []struct {
		at   time.Time
		step Step
	}{{future, Posting}, {past, Posted}} {
		r, err := Create(dir, Head{Run: run.at.Format(NameTime) + "-a", Manager: "http://m"})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Record(t.Context(), Entry{Step: run.step, Key: "k"}); err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if runs, err := List(dir, 1); err != nil || len(runs) != 1 || runs[0].Run != past.Format(NameTime)+"-a" {
		t.Errorf("the latest: %+v, %v", runs, err)
	}
	names := []string{"20260101-000000-a", "20991231-235959-b", "20260102-000000-c", "20380119-031407-d"}
	NewestFirst(names, time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC))
	if diff := cmp.Diff([]string{"20260102-000000-c", "20260101-000000-a", "20991231-235959-b", "20380119-031407-d"}, names); diff != "" {
		t.Error(diff)
	}
}

// How long a run took does not hang on the clock on the wall.
func TestTook(t *testing.T) {
	begun := Entry{Step: Begun, Time: when, Head: &Head{Run: "r"}}
	for _, tt := range []struct {
		end  Entry
		want time.Duration
	}{
		{Entry{Step: Ended, Time: when.AddDate(-50, 0, 0), Seconds: 1.5}, 1500 * time.Millisecond},
		{Entry{Step: Ended, Time: when.Add(time.Minute)}, time.Minute}, // of an older version
		{Entry{Step: Ended, Time: when.Add(-time.Hour)}, 0},
	} {
		if p, ok := tell([]Entry{begun, tt.end}); !ok || p.Took != tt.want {
			t.Errorf("%+v: took %v", tt.end, p.Took)
		}
	}
	dir := t.TempDir()
	r, err := Create(dir, Head{Run: "r"})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.Record(t.Context(), Entry{Step: Ended, Time: when.AddDate(12, 0, 0)}), r.Close()); err != nil {
		t.Fatal(err)
	}
	if runs, err := List(dir, 0); err != nil || len(runs) != 1 || runs[0].Took <= 0 || runs[0].Took > time.Hour {
		t.Errorf("%+v, %v", runs, err)
	}
}
