package flamenco

import (
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/flsync/flsync/flamenco/api"
)

// ErrBadReply is wrapped by an [*Error] for JSON that no Flamenco Manager answers with: something that cannot
// be missing is, or an id is none. Another attempt is not worth it.
var ErrBadReply = errors.New("no Flamenco Manager answers like that")

// maxField limits, in bytes, what comes to stand in paths, reports and messages. A longer path exists on no
// system.
const maxField = 4096

// usable says what is wrong with a reply, or a part of one, that was read. What it lets through can be put
// into addresses, paths and messages.
func usable(reply any) error {
	switch r := reply.(type) {
	case *api.Job:
		if r.Storage != nil && len(r.Storage.ShamanCheckoutID) > maxField {
			return wrong("checkout path", r.Storage.ShamanCheckoutID)
		}
		return errors.Join(checkID("job", r.ID), fields("job", r.Name, r.Type, string(r.Status), r.Activity))
	case *jobList:
		return each(r.jobs, func(j api.Job) error { return usable(&j) })
	case *api.Task:
		return checkID("task", r.ID)
	case *api.JobTasksSummary:
		return each(r.Tasks, func(t api.TaskSummary) error { return checkID("task", t.ID) })
	case *api.WorkerTag:
		return errors.Join(checkID("tag", r.ID), fields("tag", r.Name))
	case *api.WorkerTagList:
		return each(r.Tags, func(t api.WorkerTag) error { return usable(&t) })
	case *api.Worker:
		return checkID("worker", r.ID)
	case *api.WorkerList:
		return each(r.Workers, func(w api.WorkerSummary) error { return checkID("worker", w.ID) })
	case *api.RegisteredWorker:
		return checkID("worker", r.UUID)
	case *api.ShamanCheckoutResult:
		if len(r.CheckoutPath) > maxField || checkCheckoutPath(r.CheckoutPath) != nil {
			return wrong("checkout path", r.CheckoutPath)
		}
	case *api.AvailableJobType:
		return errors.Join(fields("job type", r.Name, r.Label, r.Etag), each(r.Settings, func(s api.AvailableJobSetting) error {
			return fields("setting", s.Key, string(s.Type))
		}))
	case *api.AvailableJobTypes:
		return each(r.JobTypes, func(t api.AvailableJobType) error { return usable(&t) })
	case *api.ManagerConfiguration:
		return fields("storage location", r.StorageLocation)
	case *api.FlamencoVersion:
		return fields("version", r.Version, r.Name)
	}
	return nil
}

// checkID allows what a Manager gives out: UUIDs in their usual form.
func checkID(kind, id string) error {
	if len(id) != 36 || uuid.Validate(id) != nil {
		return wrong(kind+" id", id)
	}
	return nil
}

func wrong(kind, value string) error {
	if value == "" {
		return fmt.Errorf("no %s", kind)
	}
	return fmt.Errorf("%q for a %s", clean(value, 80), kind)
}

func fields(kind string, values ...string) error {
	for _, v := range values {
		if len(v) > maxField {
			return fmt.Errorf("%d bytes for a %s, where at most %d make sense: %q", len(v), kind, maxField, clean(v, 80))
		}
	}
	return nil
}

func each[T any](list []T, check func(T) error) error {
	for _, v := range list {
		if err := check(v); err != nil {
			return err
		}
	}
	return nil
}
