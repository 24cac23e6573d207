package report

import (
	"io"
	"slices"
	"sync"

	"github.com/cheggaaa/pb/v3"
)

// NewBars draws one progress line on a terminal that follows the stage that moves bytes now, and hands
// every other event to next, with the line out of the way. Close takes the line off the screen.
func NewBars(terminal io.Writer, next Sink) *Bars { return &Bars{terminal: terminal, next: next} }

// Bars is made by [NewBars].
type Bars struct {
	mu       sync.Mutex
	terminal io.Writer
	next     Sink
	bar      *pb.ProgressBar
	stage    Stage
}

// The line names the stage, then bytes where there are any, else a count.
const (
	bytesLine pb.ProgressBarTemplate = `{{string . "stage"}} {{bar . }} {{counters . }} {{speed . "%s/s"}} {{string . "count"}}`
	countLine pb.ProgressBarTemplate = `{{string . "stage"}} {{bar . }} {{string . "count"}}`
)

// clearLine moves to the line's begin and clears it (ECMA-48 EL).
const clearLine = "\r\x1b[K"

// Emit implements [Sink].
func (b *Bars) Emit(e Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, ok := e.(Progress)
	if !ok {
		if e.Text() != "" {
			b.hide()
		}
		b.next.Emit(e)
		return
	}
	b.draw(p)
}

func (b *Bars) draw(p Progress) {
	if p.Done >= p.Total { // a stage that has nothing to do now gives way
		if b.stage == p.Stage {
			b.hide()
		}
		return
	}
	if b.bar != nil && stageRank(p.Stage) < stageRank(b.stage) {
		return
	}
	if b.bar == nil || b.stage != p.Stage {
		b.hide()
		line := bytesLine
		if p.BytesTotal == 0 {
			line = countLine
		}
		b.bar = pb.New64(0).SetWriter(b.terminal).SetTemplate(line)
		b.bar.Set(pb.Bytes, p.BytesTotal > 0).Set(pb.Static, true).Set(pb.Terminal, true)
		b.bar.Set("stage", string(p.Stage))
		b.stage = p.Stage
		b.bar.Start()
	}
	b.bar.Set("count", Count(int(p.Done), "item")+" of "+Count(int(p.Total), "item"))
	if p.BytesTotal > 0 {
		b.bar.SetTotal(p.BytesTotal).SetCurrent(p.BytesDone)
	} else {
		b.bar.SetTotal(p.Total).SetCurrent(p.Done)
	}
	b.bar.Write()
}

func (b *Bars) hide() {
	if b.bar == nil {
		return
	}
	io.WriteString(b.terminal, clearLine)
	b.bar, b.stage = nil, ""
}

// Close takes the bar off the screen.
func (b *Bars) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hide()
}

func stageRank(s Stage) int {
	return slices.Index([]Stage{StageTrace, StageHash, StageCheck, StageUpload, StageCheckout, StageSubmit}, s)
}
