package check

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"

	"github.com/flsync/flsync/deps"
)

// A Rule is what a studio demands of a shot. When and Require are expressions of github.com/expr-lang/expr
// over shot (name, blend, type, frames), scene and blend, with the fields of `flsync inspect --json`.
type Rule struct {
	When     string // "" for always
	Require  string
	Say      string // "" for a message made of Require
	Severity string // error (also "") or warning
	Place    string // where the rule is, for messages about it
}

// Rules are rules that are ready for use, by the rule as it is written.
type Rules map[Rule]*compiled

type compiled struct{ when, require *vm.Program }

// Limits of one rule: with them a rule ends in time that grows with its own length and the facts' alone.
const (
	maxRuleText  = 4096 // bytes of an expression
	maxRuleNodes = 500
)

// shotFacts are what rules see as shot.
type shotFacts struct {
	Name   string `json:"name"`
	Blend  string `json:"blend"`
	Type   string `json:"type"`
	Frames string `json:"frames"`
}

// facts are what rules see.
type facts struct {
	Shot  shotFacts   `json:"shot"`
	Scene deps.Scene  `json:"scene"`
	Blend *deps.Blend `json:"blend"`
}

// Compile prepares rules. The error names each rule with a mistake by its place, and what is wrong.
func Compile(list []Rule) (Rules, error) {
	rules := make(Rules)
	var errs []error
	for _, r := range list {
		if rules[r] != nil {
			continue
		}
		c := &compiled{}
		var err error
		if r.Severity != "" && r.Severity != string(deps.SeverityError) && r.Severity != string(deps.SeverityWarning) {
			errs = append(errs, fmt.Errorf("%s: severity is %q, it can be error or warning", r.Place, r.Severity))
		}
		if c.require, err = compileOne(r.Require); err != nil {
			errs = append(errs, fmt.Errorf("%s: require: %w", r.Place, err))
		}
		if c.when, err = compileOne(cmp.Or(r.When, "true")); err != nil {
			errs = append(errs, fmt.Errorf("%s: when: %w", r.Place, err))
		}
		rules[r] = c
	}
	return rules, errors.Join(errs...)
}

func compileOne(text string) (*vm.Program, error) {
	switch {
	case strings.TrimSpace(text) == "":
		return nil, errors.New("the expression is empty")
	case len(text) > maxRuleText:
		return nil, fmt.Errorf("the expression is longer than %d bytes", maxRuleText)
	}
	guard := &guard{}
	options := []expr.Option{
		expr.Env(typeOf(reflect.TypeFor[facts]())), expr.AsBool(), expr.MaxNodes(maxRuleNodes), expr.Patch(guard), expr.DisableAllBuiltins(),
	}
	for _, name := range []string{"len", "all", "any", "none", "one", "count", "filter", "lower", "upper", "trim",
		"hasPrefix", "hasSuffix", "abs", "ceil", "floor", "round", "int", "float", "string", "min", "max"} {
		options = append(options, expr.EnableBuiltin(name))
	}
	program, err := expr.Compile(text, options...)
	return program, errors.Join(guard.err, err)
}

// guard refuses what may take long or grow: ranges, variables, and loops in loops.
type guard struct{ err error }

// Visit implements [ast.Visitor]; it is called for the leaves first.
func (g *guard) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.PredicateNode:
		if found := (&finder{}); found.in(n.Node) {
			g.err = errors.New("a list is looked through inside of another")
		}
	case *ast.VariableDeclaratorNode:
		g.err = errors.New("let is not possible in a rule")
	case *ast.BinaryNode:
		if n.Operator == ".." {
			g.err = errors.New("ranges (..) are not possible in a rule; compare with >= and <=")
		}
	}
}

// finder finds a loop.
type finder struct{ found bool }

func (f *finder) in(node ast.Node) bool {
	ast.Walk(&node, f)
	return f.found
}

// Visit implements [ast.Visitor].
func (f *finder) Visit(node *ast.Node) {
	_, loop := (*node).(*ast.PredicateNode)
	f.found = f.found || loop
}

// Check returns a lack for each rule of list that a shot breaks. All of list must have been compiled.
func (rules Rules) Check(s Shot, list []Rule) (lacks []deps.Lack) {
	scene := s.scene()
	if scene == nil || len(list) == 0 {
		return nil
	}
	env := valueOf(reflect.ValueOf(facts{shotFacts{s.Name, s.Trace.Path, s.Type, s.Frames}, *scene, &s.Trace.Blend}))
	for _, r := range list {
		c := rules[r]
		holds, err := expr.Run(c.when, env)
		if err == nil && holds == false {
			continue
		}
		if err == nil {
			holds, err = expr.Run(c.require, env)
		}
		if err == nil && holds == true {
			continue
		}
		l := New(BrokenRule, s.Trace.Path, "%s", cmp.Or(r.Say, "it must be that "+r.Require))
		if err != nil {
			l.Message = fmt.Sprintf("the rule of %s cannot be evaluated: %v", r.Place, err)
		}
		l.Severity = deps.Severity(cmp.Or(r.Severity, string(deps.SeverityError)))
		l.Scene, l.Remedy = scene.Name, "change the shot so that: "+r.Require
		lacks = append(lacks, l)
	}
	return lacks
}

// fields calls each with the fields of a struct that JSON shows, by the name that they have there.
func fields(t reflect.Type, each func(name string, i int)) {
	for i := range t.NumField() {
		if name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); name != "" && name != "-" {
			each(name, i)
		}
	}
}

// typeOf returns the type that rules see for a type of Go.
func typeOf(t reflect.Type) types.Type {
	switch t.Kind() {
	case reflect.Pointer:
		return typeOf(t.Elem())
	case reflect.Struct:
		m := types.Map{}
		fields(t, func(name string, i int) { m[name] = typeOf(t.Field(i).Type) })
		return m
	case reflect.Slice:
		return types.Array(typeOf(t.Elem()))
	case reflect.String:
		return types.String
	}
	return types.TypeOf(reflect.Zero(t).Interface())
}

// valueOf is the value of that type.
func valueOf(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer:
		return valueOf(v.Elem())
	case reflect.Struct:
		m := map[string]any{}
		fields(v.Type(), func(name string, i int) { m[name] = valueOf(v.Field(i)) })
		return m
	case reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = valueOf(v.Index(i))
		}
		return list
	case reflect.String:
		return v.String()
	}
	return v.Interface()
}
