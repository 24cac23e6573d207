package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/go-analyze/charts"
)

// chartGroup is one chart over several scenarios: a series for each contender
// or group, a point for each scenario.
type chartGroup struct {
	name   string
	title  string
	labels []string
	series []string
	values [][]float64 // by series and label; in microseconds a file, or seconds
	per    bool        // the values are a cost per file
}

// chartKinds are the charts over several scenarios, in their order.
func chartKinds() []chartGroup {
	return []chartGroup{
		{name: "walk", title: "Cost per file: walk, stat and lookup of empty files", per: true},
		{name: "growth", title: "Cost per file: whole syncs", per: true},
		{name: "distance", title: "First sync over distance"},
	}
}

func chartGroups(r *Results) (all []chartGroup) {
	for _, c := range chartKinds() {
		var points []Result
		for _, s := range r.Scenarios {
			if s.Chart.Chart != c.name || s.Error != "" {
				continue
			}
			points = append(points, s)
			c.labels = append(c.labels, s.Chart.Label)
			for _, m := range s.Contenders {
				label := m.Name
				if m.Group != "" {
					label = m.Group
				}
				if !slices.Contains(c.series, label) {
					c.series = append(c.series, label)
				}
			}
		}
		for _, label := range c.series {
			var values []float64
			for _, s := range points {
				v, ok := s.Wall(label)
				switch {
				case !ok:
					v = charts.GetNullValue()
				case c.per:
					v = v / s.Chart.Per * 1e6
				}
				values = append(values, v)
			}
			c.values = append(c.values, values)
		}
		if len(points) > 0 {
			all = append(all, c)
		}
	}
	return all
}

func (c chartGroup) text(v float64) string {
	switch {
	case v == charts.GetNullValue():
		return ""
	case c.per:
		return number(v) + " µs"
	}
	return seconds(v)
}

// Charts draws what can be drawn into a folder, and maps scenarios and charts
// to the files' names.
func (r *Results) Charts(dir string) (map[string]string, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	files := map[string]string{}
	save := func(name string, svg []byte, err error) error {
		if err != nil {
			return fmt.Errorf("chart %s: %w", name, err)
		}
		files[name] = name + ".svg"
		return os.WriteFile(filepath.Join(dir, name+".svg"), svg, 0o666)
	}
	for _, s := range r.Scenarios {
		if s.Chart.Chart != "" || len(s.Contenders) < 2 || s.Error != "" {
			continue
		}
		svg, err := s.bars()
		if err := save(s.Name, svg, err); err != nil {
			return nil, err
		}
	}
	for _, c := range chartGroups(r) {
		svg, err := c.draw()
		if err := save(c.name, svg, err); err != nil {
			return nil, err
		}
	}
	return files, nil
}

const (
	chartWidth = 760
	barHeight  = 34 // a contender's share of a bar chart's height
	headHeight = 90 // title and axis
)

func canvas(height int) *charts.Painter {
	return charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: chartWidth, Height: height})
}

// bars has one bar for each contender, flsync on top.
func (s Result) bars() ([]byte, error) {
	var names []string
	var values []float64
	for _, m := range slices.Backward(s.Contenders) { // the axis begins at the bottom
		if len(m.Samples) > 0 {
			names = append(names, m.Name)
			values = append(values, m.Median.Wall)
		}
	}
	opt := charts.NewBarChartOptionWithData([][]float64{values})
	opt.Horizontal = true
	opt.Title.Text = s.Title
	opt.CategoryAxis.Labels = names
	opt.ValueFormatter = seconds
	opt.ValueAxis[0].Min = charts.Ptr(0.0)
	opt.ValueAxis[0].LabelCount = 5
	opt.SeriesList[0].Label.Show = charts.Ptr(true)
	opt.SeriesList[0].Label.ValueFormatter = seconds
	p := canvas(headHeight + barHeight*len(names))
	if err := p.BarChart(opt); err != nil {
		return nil, err
	}
	return p.Bytes()
}

func (c chartGroup) draw() ([]byte, error) {
	p := canvas(360)
	if c.per {
		opt := charts.NewLineChartOptionWithData(c.values)
		opt.Title.Text = c.title
		opt.XAxis.Labels = c.labels
		opt.Legend.SeriesNames = c.series
		opt.Legend.Offset = charts.OffsetRight
		opt.YAxis[0].Min = charts.Ptr(0.0)
		opt.ValueFormatter = c.text
		if err := p.LineChart(opt); err != nil {
			return nil, err
		}
		return p.Bytes()
	}
	opt := charts.NewBarChartOptionWithData(c.values)
	opt.Title.Text = c.title
	opt.CategoryAxis.Labels = c.labels
	opt.Legend.SeriesNames = c.series
	opt.Legend.Offset = charts.OffsetRight
	opt.ValueFormatter = seconds
	opt.ValueAxis[0].Min = charts.Ptr(0.0)
	if err := p.BarChart(opt); err != nil {
		return nil, err
	}
	return p.Bytes()
}
