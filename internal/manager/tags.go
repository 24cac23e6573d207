package manager

import (
	"cmp"
	"maps"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"github.com/flsync/flsync/flamenco/api"
)

func (t *tag) reply() api.WorkerTag {
	reply := api.WorkerTag{ID: t.ID, Name: t.Name}
	if t.Description != "" {
		description := t.Description
		reply.Description = &description
	}
	return reply
}

func (s *store) findTag(id string) (*tag, error) {
	if !validID(id) {
		return nil, refuse(http.StatusBadRequest, "not a valid UUID")
	}
	if t := s.tags[id]; t != nil {
		return t, nil
	}
	return nil, refuse(http.StatusNotFound, "worker tag %q not found", id)
}

// nameTaken reports whether a tag other than t has the name.
func (s *store) nameTaken(name string, t *tag) bool {
	for _, other := range s.tags {
		if other != t && other.Name == name {
			return true
		}
	}
	return false
}

func (m *Manager) fetchTags(q *request) error {
	return m.view(q, func(s *store) (any, error) {
		list := slices.SortedFunc(maps.Values(s.tags), func(a, b *tag) int { return cmp.Compare(a.Seq, b.Seq) })
		replies := make([]api.WorkerTag, len(list))
		for i, t := range list {
			replies[i] = t.reply()
		}
		return map[string]any{"tags": replies}, nil
	})
}

func (m *Manager) createTag(q *request, sent api.WorkerTag) error {
	t := &tag{ID: sent.ID, Name: sent.Name}
	if t.ID == "" {
		t.ID = uuid.NewString()
	}
	if sent.Description != nil {
		t.Description = *sent.Description
	}
	return m.change(q, func(x *tx) (any, error) {
		if x.s.tags[t.ID] != nil || x.s.nameTaken(t.Name, nil) {
			return nil, refuse(http.StatusInternalServerError, "error creating worker tag")
		}
		x.addTag(t)
		return t.reply(), nil
	})
}

func showTag(_ *store, t *tag) any { return t.reply() }

// updateTag changes the name, and the description when there is one.
func (m *Manager) updateTag(q *request, sent api.WorkerTag) error {
	return q.ok(m.update(func(x *tx) error {
		t, err := x.s.findTag(q.params["tag_id"])
		if err != nil {
			return err
		}
		if x.s.nameTaken(sent.Name, t) {
			return refuse(http.StatusInternalServerError, "error saving worker tag")
		}
		changed := x.tag(t)
		changed.Name = sent.Name
		if sent.Description != nil {
			changed.Description = *sent.Description
		}
		return nil
	}))
}

// deleteTag takes the tag away from workers and jobs, too.
func (m *Manager) deleteTag(q *request) error {
	return q.ok(m.update(func(x *tx) error {
		t, err := x.s.findTag(q.params["tag_id"])
		if err != nil {
			return err
		}
		for _, w := range x.s.workers {
			if contains(w.Tags, t.ID) {
				x.worker(w).Tags = slices.DeleteFunc(slices.Clone(w.Tags), func(id string) bool { return id == t.ID })
			}
		}
		for _, e := range x.s.ordered {
			if e.Tag == t.ID {
				updated := e.Updated
				j := x.job(e)
				j.Tag, j.Updated = "", updated
			}
		}
		x.removeTag(t)
		return nil
	}))
}
