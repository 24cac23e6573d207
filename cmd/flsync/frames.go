package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html/template"
	"image"
	"image/jpeg"
	"io"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/image/draw"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/frames"
	"github.com/flsync/flsync/internal/openfile"
	"github.com/flsync/flsync/internal/pipeline"
	"github.com/flsync/flsync/internal/ranges"
	"github.com/flsync/flsync/internal/report"
	"github.com/flsync/flsync/internal/report/page"
)

// simpleRender is the job type that Flamenco comes with.
const simpleRender = "simple-blender-render"

const storageMapHelp = "`FROM=TO`: what the farm has at FROM is at TO on this machine; may be repeated"

// framesFlags are what `flsync frames` can be told.
type framesFlags struct {
	run    string
	maps   []string
	decode bool
	retry  bool
	html   string
}

func (a *app) framesCommand() *cobra.Command {
	var f framesFlags
	cmd := a.managed(&cobra.Command{
		Use: "frames JOB…", Short: "Look at the frames of jobs: which are missing, cut off, or older than the job",
		Long: `Looks at the files that jobs were to render, where the farm's storage is mounted on this machine; also
for jobs of Flamenco's own add-on. Header and end of each file are read (PNG, JPEG, OpenEXR, TIFF, movies).

Exit code: 0 when all frames are good or still to come, 3 when some are not, also when --retry has
their tasks run again.`,
		Example: `  flsync frames sh010 'sq020*'
  flsync frames sh010 --storage-map /mnt/farm=/Volumes/farm
  flsync frames --run 2026 --html frames.html
  flsync frames sh010 --retry`,
	}, func(ctx context.Context, m *link, args []string) error {
		chosen, err := a.framesJobs(ctx, m, f.run, args)
		if err != nil {
			return err
		}
		return a.showFrames(ctx, m, chosen, f)
	})
	flags := cmd.Flags()
	flags.StringVar(&f.run, "run", "", "the jobs of this `RUN` of flsync, by the beginning of its name")
	flags.StringArrayVar(&f.maps, "storage-map", nil, storageMapHelp)
	flags.BoolVar(&f.decode, "decode", false, "decode PNG, JPEG and TIFF wholly, which takes its time")
	flags.BoolVar(&f.retry, "retry", false, "run the tasks again that cover what is missing or damaged")
	flags.StringVar(&f.html, "html", "", "write a page with a map of all frames and some pictures to `FILE`")
	return cmd
}

// framesJobs returns the jobs that are meant: those that words name, and those of a run.
func (a *app) framesJobs(ctx context.Context, m *link, run string, words []string) (chosen []named, err error) {
	if run == "" && len(words) == 0 {
		return nil, usagef("name a job, or a run with --run")
	}
	if len(words) > 0 {
		if chosen, err = a.choose(words, jobKind.chooser(ctx, m)); err != nil {
			return nil, err
		}
	}
	if run == "" {
		return chosen, nil
	}
	_, paths, err := a.loadPaths()
	if err != nil {
		return nil, err
	}
	past, err := loadRun(paths.Runs, []string{run})
	if err != nil {
		return nil, err
	}
	for _, j := range past.Jobs {
		if j.ID != "" && !slices.ContainsFunc(chosen, func(n named) bool { return n.id == j.ID }) {
			chosen = append(chosen, named{j.ID, j.Name})
		}
	}
	return chosen, nil
}

// showFrames looks at the frames of jobs, one job after the other: the frames of one are looked at side by
// side.
func (a *app) showFrames(ctx context.Context, m *link, chosen []named, f framesFlags) error {
	places, err := findPlaces(ctx, m, f.maps)
	if err != nil {
		return err
	}
	failed, bad := 0, 0
	var last error
	var maps []page.FrameMap
	for _, n := range chosen {
		found, err := places.look(ctx, m, n.id, f.decode)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, frames.ErrNoOutput) && len(chosen) > 1:
			a.remark("%s: %s", label(n), err)
			continue
		case err == nil:
			if f.html != "" {
				maps = append(maps, found.frameMap())
			}
			sum, wrong := found.found()
			a.sink().Emit(sum)
			for _, w := range wrong {
				a.sink().Emit(w)
			}
			if len(wrong) > 0 {
				bad++
				if f.retry {
					err = a.retryFrames(ctx, m, found)
				}
			}
		}
		if err != nil {
			failed, last = failed+1, err
			if len(chosen) > 1 {
				a.sink().Emit(report.Error{Code: codeName(err), Job: label(n), Message: err.Error()})
			}
		}
	}
	if f.html != "" {
		if err := writeFile(f.html, ownerOnly, func(w io.Writer) error { return page.Frames(w, maps) }); err != nil {
			return err
		}
	}
	switch {
	case failed > 0 && len(chosen) == 1:
		return last
	case failed > 0 && failed == len(chosen):
		return &reportedError{last}
	case failed+bad > 0:
		return &reportedError{fmt.Errorf("%w: of %d jobs, %d have frames that are not good, and %d could not be looked at", pipeline.ErrPartial, len(chosen), bad, failed)}
	}
	return nil
}

// jobFrames is what was found of one job.
type jobFrames struct {
	job    api.Job
	path   string // of one frame on this machine, with # for its digits
	output frames.Output
	frames []frames.Frame
	video  *frames.Frame // nil without one that is to be there
	tasks  []api.TaskSummary
	covers map[string][]int // frames by task; nil when nothing is missing or damaged
}

// badFrames returns the frames that are to be rendered again.
func (j jobFrames) badFrames() (bad []frames.Frame) {
	for _, f := range j.frames {
		if f.State.Bad() {
			bad = append(bad, f)
		}
	}
	return bad
}

// bad returns the frames that are to be rendered again, and the video.
func (j jobFrames) bad() []frames.Frame {
	bad := j.badFrames()
	if j.video != nil && j.video.State.Bad() {
		bad = append(bad, *j.video)
	}
	return bad
}

// numbers returns those frames whose state fits, as a range.
func (j jobFrames) numbers(fits func(frames.State) bool) string {
	var n []int
	for _, f := range j.frames {
		if fits(f.State) {
			n = append(n, f.Number)
		}
	}
	return ranges.Format(n)
}

// found returns the events for a job's frames: a summary, and what is to be made again.
func (j jobFrames) found() (sum report.Frames, wrong []report.Frame) {
	sum = report.Frames{
		Job: j.job.ID, Name: j.job.Name, Status: string(j.job.Status), Path: j.path, Expected: len(j.frames),
		Missing: j.numbers(func(s frames.State) bool { return s == frames.Missing }),
		Damaged: j.numbers(func(s frames.State) bool { return s.Bad() && s != frames.Missing }),
		Due:     j.numbers(func(s frames.State) bool { return s == frames.Due }),
	}
	for _, f := range j.frames {
		if f.State == frames.OK {
			sum.OK++
		}
	}
	for _, f := range j.bad() {
		e := report.Frame{Job: j.job.ID, Path: f.Path, State: string(f.State), Detail: f.Detail}
		if j.video == nil || f.Path != j.video.Path {
			e.Frame = &f.Number
		}
		wrong = append(wrong, e)
	}
	return sum, wrong
}

// frameMap returns what a page shows of a job's frames.
func (j jobFrames) frameMap() (m page.FrameMap) {
	m.Frames, m.Wrong = j.found()
	for _, f := range j.frames {
		m.Cells = append(m.Cells, page.Cell{Frame: f.Number, State: string(f.State)})
	}
	if j.video != nil {
		m.Cells = append(m.Cells, page.Cell{Frame: j.video.Number, State: string(j.video.State)})
	}
	m.Pictures = thumbnails(j.frames)
	return m
}

// thumbnails returns small pictures of up to so many good frames, evenly chosen. Formats that are not decoded
// have none.
func thumbnails(all []frames.Frame) (strip []page.Picture) {
	const most = 8
	var good []frames.Frame
	for _, f := range all {
		if f.State == frames.OK {
			good = append(good, f)
		}
	}
	n := min(most, len(good))
	for i := range n {
		f := good[i*(len(good)-1)/max(1, n-1)]
		if src, err := thumbnail(f.Path); err == nil {
			strip = append(strip, page.Picture{Frame: f.Number, Src: src})
		}
	}
	return strip
}

func thumbnail(path string) (template.URL, error) {
	file, err := openfile.Open(path, nil)
	if err != nil {
		return "", err
	}
	defer file.Close()
	whole, err := frames.Picture(file)
	if err != nil {
		return "", err
	}
	const width = 160
	b := whole.Bounds()
	small := image.NewRGBA(image.Rect(0, 0, width, max(1, min(width, width*b.Dy()/b.Dx()))))
	draw.ApproxBiLinear.Scale(small, small.Bounds(), whole, b, draw.Src, nil)
	var out bytes.Buffer
	if err := jpeg.Encode(&out, small, nil); err != nil {
		return "", err
	}
	return dataURL("image/jpeg", out.Bytes()), nil
}
