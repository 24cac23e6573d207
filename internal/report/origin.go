package report

// Origin is where in an edit a job comes from, as flsync conform writes it into the job's metadata.
type Origin struct {
	Edit     string `json:"edit"`                // the edit's file name
	Event    string `json:"event,omitempty"`     // numbers of the events that show the shot
	RecordIn string `json:"record_in,omitempty"` // where in the edit they begin
}

// OriginOf reads the metadata of a job; nil for one that is from no edit.
func OriginOf(metadata map[string]string) *Origin {
	if metadata["edit"] == "" {
		return nil
	}
	return &Origin{metadata["edit"], metadata["event"], metadata["record_in"]}
}

// String returns text such as "cut.edl, event 3, at 01:00:12:05".
func (o Origin) String() string {
	text := o.Edit
	if o.Event != "" {
		text += ", event " + o.Event
	}
	if o.RecordIn != "" {
		text += ", at " + o.RecordIn
	}
	return text
}
