package settings

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
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
	// Platform is that of who submits: windows, linux or darwin; "" is this machine's. It decides what paths
	// are.
	Platform string
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
		hint = ", or let Blender evaluate it with --blender PATH, which runs the Manager's expression as Python on this machine"
	}
	return fmt.Sprintf("setting %s: the job type's expression %s: %v; give it by hand or with --set %s=…%s",
		e.Setting, shortened(e.Expression), e.Err, e.Setting, hint)
}

func (e *EvalError) Unwrap() error { return e.Err }

func shortened(s string) string {
	if r := []rune(s); len(r) > 500 {
		return string(r[:500]) + "…"
	}
	return s
}

// TooMuchError says that the settings of a job type take more than any honest one does. No setting has a
// value then.
type TooMuchError struct {
	Job, Type, Setting string // Setting is "" where it is about all of them
	Reason             string
}

func (e *TooMuchError) Error() string {
	where := ""
	if e.Setting != "" {
		where = ", setting " + e.Setting
	}
	return fmt.Sprintf("job %s: the settings of the job type %s take too much%s: %s", e.Job, e.Type, where, e.Reason)
}

// Bounds on the settings of one job type. Known ones have some dozens, and expressions ask two deep.
const (
	maxSettings = 2000
	maxAsking   = 100
)

// Resolve makes the settings of a job, all but the blend file. The error is a [*TooMuchError], or all that is
// wrong, joined: an [*EvalError] for each expression without a value, and given values that their type does
// not allow.
func Resolve(ctx context.Context, in Input) (values api.JobSettings, err error) {
	r := resolver{Input: in, ctx: ctx, values: make(map[string]any), state: make(map[string]state), byKey: make(map[string]*api.AvailableJobSetting)}
	if n := len(in.Type.Settings); n > maxSettings {
		return nil, &TooMuchError{in.Job.Name, in.Type.Name, "", fmt.Sprintf("there are %d, and at most %d are taken", n, maxSettings)}
	}
	for i := len(in.Type.Settings) - 1; i >= 0; i-- { // the first of a key counts
		r.byKey[in.Type.Settings[i].Key] = &in.Type.Settings[i]
	}
	if in.Facts != nil {
		facts := *in.Facts
		facts.Windows = r.platform() == "windows"
		r.evaluator = eval.New(&eval.Env{Facts: facts, JobName: in.Job.Name, Setting: r.lookUp})
	}
	for i := range in.Type.Settings {
		if r.resolve(&in.Type.Settings[i]); r.tooMuch != nil {
			return nil, r.tooMuch
		}
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
	byKey  map[string]*api.AvailableJobSetting

	evaluator *eval.Evaluator            // nil without Facts
	asking    int                        // expressions that wait for the value of another setting
	left      []*api.AvailableJobSetting // for Blender
	errs      []error
	tooMuch   *TooMuchError
}

func (in *Input) platform() string { return cmp.Or(in.Platform, runtime.GOOS) }

// resolve finds the value of a setting: given, from the scene, default, or its type's zero value.
func (r *resolver) resolve(s *api.AvailableJobSetting) {
	if r.state[s.Key] != unknown || s.Key == Blendfile && r.Job.Blend != "" {
		return
	}
	if given, ok := r.Job.Settings[s.Key]; ok {
		value, err := Convert(s, given.Value)
		if err == nil {
			value, err = r.checked(s, value, given)
		}
		if err != nil {
			err = fmt.Errorf("setting %s: %w", s.Key, err)
		}
		r.store(s, value, err)
		return
	}
	if s.Eval == "" || r.Facts == nil || keepsDefault(s) {
		r.store(s, fallback(s), nil)
		return
	}
	r.state[s.Key] = working
	value, err := r.evaluator.Eval(s.Eval)
	if errors.Is(err, eval.ErrLimit) && r.tooMuch == nil {
		r.tooMuch = &TooMuchError{r.Job.Name, r.Type.Name, s.Key, err.Error()}
	}
	if errors.Is(err, eval.ErrNeedsBlender) && r.Blender != nil {
		r.left = append(r.left, s)
		r.state[s.Key] = failed // for those that ask for it: they need Blender, too
		return
	}
	r.storeEvaluated(s, value, err)
}

// storeEvaluated stores the value of an expression. The add-on sends that of a hidden setting whatever its
// type is.
func (r *resolver) storeEvaluated(s *api.AvailableJobSetting, value any, err error) {
	if err == nil {
		converted, mismatch := Convert(s, value)
		if mismatch == nil {
			value = converted
		} else if !hidden(s) || !sendable(value) {
			err = mismatch
		}
	}
	if err == nil {
		value, err = r.checked(s, value, manifest.Setting{})
	}
	if err != nil {
		err = &EvalError{Setting: s.Key, Expression: s.Eval, Err: err}
	}
	r.store(s, value, err)
}

func (r *resolver) store(s *api.AvailableJobSetting, value any, err error) {
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
	s := r.byKey[key]
	if s == nil {
		return nil, false, nil
	}
	if key == Blendfile && r.Job.Blend != "" {
		return r.Facts.BlendFile, true, nil
	}
	if r.asking++; r.asking > maxAsking && r.tooMuch == nil {
		r.tooMuch = &TooMuchError{r.Job.Name, r.Type.Name, key, fmt.Sprintf("more than %d ask for each other", maxAsking)}
	}
	defer func() { r.asking-- }()
	if r.tooMuch != nil {
		return nil, true, r.tooMuch
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
		r.storeEvaluated(s, answer.Value, answer.Err)
	}
}

// keepsDefault reports whether the default wins over the expression. In the add-on it does for a setting that
// people see, unless it has the button that links it to its expression.
func keepsDefault(s *api.AvailableJobSetting) bool {
	linked := s.EvalInfo != nil && s.EvalInfo.ShowLinkButton
	switch fallback(s) {
	case "", false, int64(0), 0.0:
		return false
	}
	return !linked && !hidden(s)
}

// hidden reports whether the add-on does not show the setting, and evaluates it when a job is submitted.
func hidden(s *api.AvailableJobSetting) bool {
	return s.Visible == api.AvailableJobSettingVisibilityHidden || s.Visible == api.AvailableJobSettingVisibilityWeb
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
