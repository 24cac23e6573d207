package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flsync/flsync/flamenco"
	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/report"
)

// away is a Manager that answers only after some time, and takes as long to be given up.
type away struct {
	until time.Time
	takes time.Duration
	err   error
}

// ConfigurationFile implements [pipeline.Greeted].
func (a away) ConfigurationFile(ctx context.Context) (json.RawMessage, error) {
	_, err := a.Version(ctx)
	return json.RawMessage(`{"_meta": {"version": 3}}`), err
}

func (a away) Version(context.Context) (api.FlamencoVersion, error) {
	time.Sleep(a.takes)
	if time.Now().Before(a.until) {
		return api.FlamencoVersion{}, a.err
	}
	return api.FlamencoVersion{}, nil
}

// TestGreet: a Manager that is being restarted is waited for, a wrong address is told soon.
func TestGreet(t *testing.T) {
	refused := &flamenco.UnreachableError{Err: errors.New("connection refused")}
	for name, test := range map[string]struct {
		away, takes time.Duration
		err         error
		ok          bool
		within      time.Duration
	}{
		"there":          {err: refused, ok: true},
		"restarted":      {away: 7 * time.Second, err: refused, ok: true, within: 8 * time.Second},
		"not there":      {away: time.Hour, err: refused, within: 10 * time.Second},
		"silent":         {away: time.Hour, takes: time.Minute, err: refused, within: time.Minute},
		"something else": {away: time.Hour, err: flamenco.ErrNotAManager},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				s := &session{app: &app{greetingTime: greetingTime}, sink: report.NewText(&out, &out, report.Normal)}
				began := time.Now()
				_, err := s.greet(t.Context(), away{began.Add(test.away), test.takes, test.err})
				if took := time.Since(began); (err == nil) != test.ok || took > test.within {
					t.Errorf("%v after %v", err, took)
				}
			})
		})
	}
}
