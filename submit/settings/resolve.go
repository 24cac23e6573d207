package settings

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/submit/eval"
	"github.com/flsync/flsync/submit/manifest"
)

// Blender evaluates what needs Blender itself; an *eval.Blender does.
type Blender interface {
	Eval(context.Context, eval.Request) (map[string]eval.Outcome, error)
}

// Input is what settings are made from.
type Input struct {
	Job   *manifest.Job
	Type  *api.AvailableJobType
	Facts *eval.Facts // nil for a job without a blend file
	// Blender gets the expressions that only Blender can evaluate. Nil: these are errors.
	Blender Blender
}

// EvalError says that a setting could not be made from the scene.
type EvalError struct {
	Setting, Expression string
	Err                 error
}

func (e *EvalError) Error() string {
	hint := ""
	if errors.Is(e.Err, eval.ErrNeedsBlender) {
		hint = ", let Blender evaluate it with --blender PATH,"
	}
	return fmt.Sprintf("setting %s: the job type's expression %s: %v; give it by hand%s or with --set %s=…", e.Setting, e.Expression, e.Err, hint, e.Setting)
}

func (e *EvalError) Unwrap() error { return e.Err }

// Resolve makes the settings of a job, all but the blend file. The error is an [*EvalError], or says
// which setting has a value that its type does not allow; all of them at once, joined.
func Resolve(ctx context.Context, in Input) (api.JobSettings, error) {
	r := resolver{Input: in, ctx: ctx, values: make(map[string]any), state: make(map[string]state)}
	if in.Facts != nil {
		r.evaluator = eval.New(&eval.Env{Facts: *in.Facts, JobName: in.Job.Name, Setting: r.lookUp})
	}
	for i := range in.Type.Settings {
		r.resolve(&in.Type.Settings[i])
	}
	if len(r.left) > 0 {
		r.askBlender()
	}
	if err := errors.Join(r.errs...); err != nil {
		return nil, err
	}
	return r.values, nil
}

type state int

const (
	unknown state = iota
	working       // its expression is being evaluated
	known
	failed
)

type resolver struct {
	Input
	ctx    context.Context
	values map[string]any
	state  map[string]state

	evaluator *eval.Evaluator            // nil without Facts
	left      []*api.AvailableJobSetting // for Blender
	errs      []error
}

// resolve finds the value of a setting: given, from the scene, default, or its type's nothing.
func (r *resolver) resolve(s *api.AvailableJobSetting) {
	if r.state[s.Key] != unknown || s.Key == Blendfile && r.Job.Blend != "" {
		return
	}
	if given, ok := r.Job.Settings[s.Key]; ok {
		value, err := Convert(s, given.Value)
		if err != nil {
			err = fmt.Errorf("setting %s: %w", s.Key, err)
		}
		r.settle(s, value, err)
		return
	}
	if s.Eval == "" || r.Facts == nil || keepsDefault(s) {
		r.settle(s, fallback(s), nil)
		return
	}
	r.state[s.Key] = working
	value, err := r.evaluator.Eval(r.ctx, s.Eval)
	if errors.Is(err, eval.ErrNeedsBlender) && r.Blender != nil {
		r.left = append(r.left, s)
		r.state[s.Key] = failed // for those that ask for it: they need Blender, too
		return
	}
	r.evaluated(s, value, err)
}

// evaluated takes the value of an expression.
func (r *resolver) evaluated(s *api.AvailableJobSetting, value any, err error) {
	if err == nil {
		value, err = Convert(s, value)
	}
	if err != nil {
		err = &EvalError{Setting: s.Key, Expression: s.Eval, Err: err}
	}
	r.settle(s, value, err)
}

func (r *resolver) settle(s *api.AvailableJobSetting, value any, err error) {
	if err != nil {
		r.state[s.Key] = failed
		r.errs = append(r.errs, err)
		return
	}
	r.state[s.Key] = known
	r.values[s.Key] = value
}

// lookUp gives an expression the value of another setting.
func (r *resolver) lookUp(key string) (any, bool, error) {
	s := find(r.Type, key)
	if s == nil {
		return nil, false, nil
	}
	if key == Blendfile && r.Job.Blend != "" {
		return r.Facts.BlendFile, true, nil
	}
	r.resolve(s)
	switch r.state[key] {
	case working:
		return nil, true, fmt.Errorf("the setting %s needs itself", key)
	case failed:
		if slices.Contains(r.left, s) {
			return nil, true, &eval.UnknownError{Name: "settings." + key}
		}
		return nil, true, fmt.Errorf("the setting %s has no value", key)
	}
	return r.values[key], true, nil
}

// askBlender has the expressions that are left evaluated in one go. They see each other's values.
func (r *resolver) askBlender() {
	request := eval.Request{
		BlendFile: r.Job.Blend, Scene: r.Facts.Scene, JobName: r.Job.Name,
		Settings: make(map[string]any), Expressions: make(map[string]string),
	}
	for i := range r.Type.Settings {
		s := &r.Type.Settings[i]
		if slices.Contains(r.left, s) {
			continue
		}
		request.Settings[s.Key] = fallback(s)
		if v, ok := r.values[s.Key]; ok {
			request.Settings[s.Key] = v
		}
	}
	request.Settings[Blendfile] = r.Facts.BlendFile
	for _, s := range r.left {
		request.Expressions[s.Key] = s.Eval
	}
	answers, err := r.Blender.Eval(r.ctx, request)
	if err != nil {
		r.errs = append(r.errs, err)
		return
	}
	for _, s := range r.left {
		answer, ok := answers[s.Key]
		if !ok {
			answer.Err = errors.New("Blender gave no answer")
		}
		r.evaluated(s, answer.Value, answer.Err)
	}
}

// keepsDefault tells whether the default wins over the expression: in the add-on that is so for a setting that
// people see, unless it has the button that links it to its expression. They press another to evaluate it.
func keepsDefault(s *api.AvailableJobSetting) bool {
	linked := s.EvalInfo != nil && s.EvalInfo.ShowLinkButton
	hidden := s.Visible == api.AvailableJobSettingVisibilityHidden || s.Visible == api.AvailableJobSettingVisibilityWeb
	switch fallback(s) {
	case "", false, int64(0), 0.0:
		return false
	}
	return !linked && !hidden
}

// fallback is the value of a setting that nobody gives: its default, else its type's nothing, which
// Flamenco's add-on sends, too, and which the scripts of job types count on.
func fallback(s *api.AvailableJobSetting) any {
	if s.Default != nil {
		if value, err := Convert(s, normal(s.Default)); err == nil {
			return value
		}
		return s.Default
	}
	switch s.Type {
	case api.AvailableJobSettingTypeBool:
		return false
	case api.AvailableJobSettingTypeInt32:
		return int64(0)
	case api.AvailableJobSettingTypeFloat:
		return 0.0
	}
	if len(s.Choices) > 0 {
		return s.Choices[0] // what the add-on's menu shows first
	}
	return ""
}

// normal turns numbers as encoding/json reads them into those of this package.
func normal(v any) any {
	if i, ok := v.(int); ok {
		return int64(i)
	}
	return v
}
