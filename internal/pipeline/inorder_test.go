package pipeline

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := func(_ context.Context, pass func(int) error) error {
			for i := range 10 {
				if err := pass(i); err != nil {
					return err
				}
			}
			return nil
		}
		idle, began := 0, time.Now()
		var got []int
		err := InOrder(t.Context(), 5, 10, feed, func(_ context.Context, i int) int {
			time.Sleep(time.Duration(10-i) * time.Second) // the first takes longest
			return i
		}, func() { idle++ }, func(i int) { got = append(got, i) })
		if want := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}; err != nil || !slices.Equal(got, want) || idle == 0 {
			t.Errorf("got %v, %v, idle %d times", got, err, idle)
		}
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("five at once took %v", took)
		}
	})
}

// What feed passed on before it failed, or before the end, is handed over.
func TestInOrderEnds(t *testing.T) {
	broken := errors.New("broken")
	ctx, cancel := context.WithCancelCause(t.Context())
	for _, test := range []struct {
		end  func() error // of feed
		want error
	}{
		{func() error { return broken }, broken},
		{func() error { cancel(broken); return context.Cause(ctx) }, broken},
	} {
		seen := 0
		err := InOrder(ctx, 2, 2, func(_ context.Context, pass func(int) error) error {
			return errors.Join(pass(1), pass(2), pass(3), test.end())
		}, func(context.Context, int) int { return 0 }, func() {}, func(int) { seen++ })
		if !errors.Is(err, test.want) || seen != 3 {
			t.Errorf("%d results, %v; want 3, %v", seen, err, test.want)
		}
	}
}
