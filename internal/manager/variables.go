package manager

import (
	"runtime"
	"strings"
	"time"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/place"
)

// duration is a length of time as the configuration file writes it, such as "10m0s".
type duration string

// or returns the duration, or fallback when it is empty or no duration.
func (d duration) or(fallback time.Duration) time.Duration {
	if value, err := time.ParseDuration(string(d)); err == nil {
		return value
	}
	return fallback
}

// variable is a variable of the configuration: one value for each audience and platform. A two-way variable
// is also put back into paths of jobs that are submitted.
type variable struct {
	TwoWay bool            `yaml:"is_twoway,omitempty"`
	Values []variableValue `yaml:"values"`
}

type variableValue struct {
	Audience  string   `yaml:"audience,omitempty"`
	Platform  string   `yaml:"platform,omitempty"`
	Platforms []string `yaml:"platforms,omitempty,flow"`
	Value     string   `yaml:"value"`
}

// variableSet are the values for one audience on one platform.
type variableSet map[string]api.ManagerVariable

// variables resolves all variables, {jobs} included. A value for the platform wins over one for all
// platforms.
func (c *conf) variables(audience api.ManagerVariableAudience, platform string) variableSet {
	set := make(variableSet)
	if audience != api.ManagerVariableAudienceUsers && audience != api.ManagerVariableAudienceWorkers {
		return set
	}
	set["jobs"] = api.ManagerVariable{Value: c.jobStorage()}
	for name, v := range c.Variables {
		for _, wanted := range []string{"all", platform} {
			for _, value := range v.Values {
				if (value.Audience == "all" || value.Audience == string(audience)) &&
					(value.Platform == wanted || contains(value.Platforms, wanted)) {
					text := value.Value
					if v.TwoWay {
						text = trimSeparators(text)
					}
					set[name] = api.ManagerVariable{IsTwoway: v.TwoWay, Value: text}
				}
			}
		}
	}
	return set
}

// twoWay keeps the two-way variables.
func (s variableSet) twoWay() variableSet {
	kept := make(variableSet)
	for name, v := range s {
		if v.IsTwoway {
			kept[name] = v
		}
	}
	return kept
}

// replace puts a variable in the place of its value at the start of text. Case does not matter, nor which
// slashes.
func (s variableSet) replace(text string) string {
	for name, v := range s {
		if startsWithPath(text, v.Value) {
			text = "{" + name + "}" + text[len(v.Value):]
		}
	}
	return text
}

func startsWithPath(text, prefix string) bool {
	return prefix != "" && len(text) >= len(prefix) &&
		strings.EqualFold(toSlash(text[:len(prefix)]), toSlash(prefix))
}

func trimSeparators(p string) string {
	if trimmed := strings.TrimRight(p, `/\`); trimmed != "" || p == "" {
		return trimmed
	}
	return p[:1]
}

// expander puts values in the place of variables, for an audience and a platform.
type expander struct {
	values   variableSet
	here     variableSet // two-way values on the Manager's own platform
	platform string
}

func (c *conf) expander(audience api.ManagerVariableAudience, platform string) expander {
	return expander{c.variables(audience, platform), c.variables(audience, runtime.GOOS).twoWay(), platform}
}

func (x expander) expand(text string) string {
	isPath := false
	for _, twoWay := range []bool{false, true} { // values of the first may begin with those of the second
		for name, v := range x.values {
			placeholder := "{" + name + "}"
			if v.IsTwoway == twoWay && strings.Contains(text, placeholder) {
				text = strings.ReplaceAll(text, placeholder, v.Value)
				isPath = isPath || twoWay
			}
		}
	}
	for name, here := range x.here { // a path of the Manager's becomes one of the platform's
		if there, ok := x.values[name]; ok && startsWithPath(text, here.Value) {
			text = there.Value + text[len(here.Value):]
			isPath = true
		}
	}
	if isPath {
		text = platformPath(text, x.platform)
	}
	return text
}

// expandAll expands every string in the parameters of a command, lists included.
func (x expander) expandAll(value any) any {
	switch v := value.(type) {
	case string:
		return x.expand(v)
	case []any:
		for i := range v {
			if text, ok := v[i].(string); ok {
				v[i] = x.expand(text)
			}
		}
	case map[string]any:
		for key := range v {
			v[key] = x.expandAll(v[key])
		}
	}
	return value
}

// platformPath writes a path with the separators of a platform.
func platformPath(p, platform string) string {
	separator := "/"
	if platform == "windows" {
		separator = `\`
	}
	slashes := len(p) - len(strings.TrimLeft(p, `/\`))
	parts := strings.FieldsFunc(p, func(r rune) bool { return r == '/' || r == '\\' })
	joined := strings.Repeat(separator, slashes) + strings.Join(parts, separator)
	if platform == "windows" && place.HasDrive(joined) && (len(joined) == 2 || joined[2] != '\\') {
		joined = joined[:2] + separator + joined[2:]
	}
	return joined
}

func (m *Manager) getVariables(q *request) error {
	return q.reply(m.conf.get().variables(api.ManagerVariableAudience(q.params["audience"]), q.params["platform"]))
}

func (m *Manager) getSharedStorage(q *request) error {
	audience, platform := api.ManagerVariableAudience(q.params["audience"]), q.params["platform"]
	c := m.conf.get()
	return q.reply(api.SharedStorageLocation{
		Audience: audience, Platform: platform, ShamanEnabled: c.Shaman.Enabled,
		Location: c.expander(audience, platform).expand(c.jobStorage()),
	})
}
