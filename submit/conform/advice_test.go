package conform

import (
	"fmt"
	"strings"
	"testing"
)

// Who follows the advice of the warning has the right frames, at each rate and way of counting.
func TestAdviceGivesRightFrames(t *testing.T) {
	const edl = "FCM: %s\n001  AX  V  C  %s:00:10%s05 %s:00:12%s05 00:00:00:00 00:00:02:00\n* FROM CLIP NAME: A\n"
	const otio = `{"OTIO_SCHEMA": "Clip.2", "name": "A", "source_range": {"start_time": {"rate": %g, "value": %d}, "duration": {"rate": %g, "value": %d}}}`
	tests := []struct {
		name, text string
		rate       float64
		want       string
	}{}
	add := func(name, text string, rate float64, begin, count int) {
		tests = append(tests, struct {
			name, text string
			rate       float64
			want       string
		}{name, text, rate, fmt.Sprintf("%d-%d", begin, begin+count-1)})
	}
	for _, rate := range []float64{23.976, 24, 25, 29.97, 30, 50} {
		base := int(nominal(Rate(rate)))
		add("x.edl", fmt.Sprintf(edl, "NON-DROP FRAME", "01", ":", "01", ":"), rate, 1001+10*base+5, 2*base)
		add("x.edl", fmt.Sprintf(edl, "NON-DROP FRAME", "10", ":", "10", ":"), rate, 1001+10*base+5, 2*base)
		add("x.otio", fmt.Sprintf(otio, rate, base*3600+7, rate, 2*base), 0, 1008, 2*base)
	}
	add("x.edl", fmt.Sprintf(edl, "DROP FRAME", "01", ";", "01", ";"), 0, 1306, 60)
	add("x.edl", fmt.Sprintf(edl, "DROP FRAME", "01", ":", "01", ":"), 0, 1306, 60)
	add("x.otio", fmt.Sprintf(otio, 29.97, 107892+7, 29.97, 60), 0, 1008, 60)
	for _, test := range tests {
		edit, err := Read(test.name, strings.NewReader(test.text), Options{Rate: test.rate})
		if err != nil {
			t.Fatal(err)
		}
		plan, err := conformed(t, edit)
		if err != nil || len(plan.Notes) != 1 && len(plan.Problems) != 1 {
			t.Fatal(err, plan)
		}
		if len(plan.Notes) == 0 {
			t.Errorf("%s at %g: no advice, %v", test.text, test.rate, plan.Problems)
			continue
		}
		_, advice, _ := strings.Cut(plan.Notes[0].Text, "; ")
		advice, _, _ = strings.Cut(advice, " says")
		plan, err = conformed(t, edit, strings.Fields(strings.ReplaceAll(advice, "'", ""))...)
		if err != nil || len(plan.Shots) != 1 || plan.Shots[0].Frames.String() != test.want {
			t.Errorf("%s at %g: %s gives %v %v, want %s", test.text, test.rate, advice, plan, err, test.want)
		}
	}
}
