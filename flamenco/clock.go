package flamenco

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// ClockDifference is how far the Manager's clock is ahead of ours, to about a second: that is the grain of
// the Date header of its replies (RFC 9110, 6.6.1). Half the round trip is taken off.
func (c *Client) ClockDifference(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	reply, err := c.send(ctx, request{method: http.MethodGet, path: []string{"version"}, harmless: true})
	if err != nil {
		return 0, err
	}
	defer reply.finish()
	now := began.Add(time.Since(began) / 2)
	date, err := http.ParseTime(reply.Header.Get("Date"))
	if err != nil {
		return 0, errors.New("the Manager's replies carry no date")
	}
	const half = time.Second / 2 // a date is cut off to whole seconds
	return date.Add(half).Sub(now), nil
}
