package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/flamenco/api"
)

func (a *app) workersScheduleCommand() *cobra.Command {
	var set []string
	cmd := a.one(&cobra.Command{
		Use: "schedule WORKER", Short: "Show or set when a worker sleeps",
		Long: `A worker with an active schedule sleeps from start to end, on the named days or on all.
Times are those of the Manager's clock, in its time zone. Days are mo tu we th fr sa su, also as
ranges (mo-fr) and as the words weekdays, weekend and daily. No start is the day's beginning, no
end the day's end. What --set does not name stays as it is.

The Manager has one window within a day. It cannot hold one over midnight, such as 22:00 to 06:00:
put flsync workers sleep and flsync workers wake into cron for that.`,
		Example: "  flsync workers schedule node07 --set active=true --set days=mo-fr --set start=09:00 --set end=18:00",
	}, workerKind.chooser, func(ctx context.Context, m *link, worker named) error {
		if len(set) > 0 {
			schedule, _, err := m.SleepSchedule(ctx, worker.id)
			if err != nil {
				return err
			}
			if err := setSchedule(&schedule, set); err != nil {
				return err
			}
			if err := m.SetSleepSchedule(ctx, worker.id, schedule); err != nil {
				return err
			}
		}
		s, err := fetch[api.WorkerSleepSchedule](ctx, m, "worker-mgt", "workers", worker.id, "sleep-schedule")
		switch {
		case err != nil:
			return err
		case s.raw == nil:
			// Of a worker that does not exist, the Manager says the same.
			if _, err := m.Worker(ctx, worker.id); err != nil {
				return err
			}
			a.remark("no schedule")
			return nil
		}
		return printObject(a, s, func(s api.WorkerSleepSchedule) []field {
			return []field{
				{"active", strconv.FormatBool(s.IsActive)}, {"days", s.DaysOfWeek}, {"start", s.StartTime}, {"end", s.EndTime},
				{"clock", "the Manager's"},
			}
		})
	})
	cmd.Flags().StringArrayVar(&set, "set", nil, "`KEY=VALUE` with the key active, days, start or end; may be repeated")
	return cmd
}

// describeSchedule says in a few words when a worker sleeps.
func describeSchedule(s api.WorkerSleepSchedule) string {
	text := fmt.Sprintf("%s from %s to %s, the Manager's clock", cmp.Or(s.DaysOfWeek, "daily"), cmp.Or(s.StartTime, "the day's beginning"), cmp.Or(s.EndTime, "the day's end"))
	if !s.IsActive {
		text = "not active: " + text
	}
	return text
}

// setSchedule changes what pairs name, and refuses what the Manager would store as something else: it swaps a
// start that comes after the end, cuts each word of the days to two letters, and takes times such as 25:00.
func setSchedule(s *api.WorkerSleepSchedule, pairs []string) error {
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			return usagef("--set %q is not of the form KEY=VALUE", pair)
		}
		var err error
		switch key {
		case "active":
			if s.IsActive, err = strconv.ParseBool(value); err != nil {
				err = errors.New("true or false is wanted")
			}
		case "days":
			s.DaysOfWeek, err = parseDays(value)
		case "start":
			s.StartTime, err = parseTimeOfDay(value)
		case "end":
			s.EndTime, err = parseTimeOfDay(value)
		default:
			err = errors.New("the key is active, days, start or end")
		}
		if err != nil {
			return usagef("--set %q: %w", pair, err)
		}
	}
	if s.StartTime != "" && s.EndTime != "" && s.StartTime >= s.EndTime {
		return usagef("the worker would sleep from %s to %s: the Manager has one window within a day and would store %s to %s; for a window over midnight put flsync workers sleep and wake into cron",
			s.StartTime, s.EndTime, s.EndTime, s.StartTime)
	}
	return nil
}

// parseTimeOfDay reads a time of a day as the Manager writes it, hh:mm; none is "".
func parseTimeOfDay(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	t, err := time.Parse("15:04", text)
	if err != nil {
		return "", fmt.Errorf("%q is no time from 00:00 to 23:59", text)
	}
	return t.Format("15:04"), nil
}

// parseDays expands names, ranges and words to the Manager's form, "mo tu we"; every day is "".
func parseDays(text string) (string, error) {
	week := []string{"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"}
	day := func(word string) int {
		return slices.IndexFunc(week, func(name string) bool { return len(word) >= 2 && strings.HasPrefix(name, word) })
	}
	var on [7]bool
	for word := range strings.FieldsFuncSeq(strings.ToLower(text), func(r rune) bool { return r == ',' || r == ' ' }) {
		switch word {
		case "weekdays":
			word = "mo-fr"
		case "weekend", "weekends":
			word = "sa-su"
		case "daily", "all":
			word = "mo-su"
		}
		from, to, isRange := strings.Cut(word, "-")
		if !isRange {
			to = from
		}
		first, last := day(from), day(to)
		if first < 0 || last < 0 {
			return "", fmt.Errorf("%q names no day: write mo tu we th fr sa su, a range such as mo-fr, weekdays, weekend or daily", word)
		}
		for i := first; ; i = (i + 1) % 7 {
			on[i] = true
			if i == last {
				break
			}
		}
	}
	var names []string
	for i, name := range week {
		if on[i] {
			names = append(names, name[:2])
		}
	}
	if len(names) == 7 {
		names = nil
	}
	return strings.Join(names, " "), nil
}
