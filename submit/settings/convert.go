package settings

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/submit/internal/nearest"
	"github.com/flsync/flsync/submit/manifest"
)

// Blendfile is the setting that names the blend file in its checkout.
const Blendfile = "blendfile"

// Convert gives a value the type that the job type wants. Text, of which nobody has said what it is, is
// read as that type; a number without a fraction may stand for an int32, any number for a float.
func Convert(s *api.AvailableJobSetting, value any) (any, error) {
	value, err := toType(s.Type, value)
	if err != nil {
		return nil, err
	}
	if text, ok := value.(string); ok && len(s.Choices) > 0 && !slices.Contains(s.Choices, text) {
		return nil, fmt.Errorf("%q is none of its choices: %s%s", text, strings.Join(s.Choices, ", "), nearest.Hint(text, s.Choices))
	}
	return value, withinBounds(s, value)
}

// withinBounds holds a number to the hard limits that the add-on gives its property. Blender would clamp it,
// which nobody asked for.
func withinBounds(s *api.AvailableJobSetting, value any) error {
	var n float64
	switch v := value.(type) {
	case int64:
		n = float64(v)
	case float64:
		n = v
	default:
		return nil
	}
	if low, ok := s.Propargs["min"].(float64); ok && n < low {
		return fmt.Errorf("is %v, the lowest is %v", n, low)
	}
	if high, ok := s.Propargs["max"].(float64); ok && n > high {
		return fmt.Errorf("is %v, the highest is %v", n, high)
	}
	return nil
}

func toType(t api.AvailableJobSettingType, value any) (any, error) {
	if text, ok := value.(manifest.Text); ok {
		return parseText(t, string(text))
	}
	switch t {
	case api.AvailableJobSettingTypeString:
		if text, ok := value.(string); ok {
			return text, nil
		}
	case api.AvailableJobSettingTypeBool:
		if b, ok := value.(bool); ok {
			return b, nil
		}
	case api.AvailableJobSettingTypeInt32:
		switch n := value.(type) {
		case int64:
			return toInt32(float64(n))
		case float64:
			return toInt32(n)
		}
	case api.AvailableJobSettingTypeFloat:
		switch n := value.(type) {
		case int64:
			return float64(n), nil
		case float64:
			if math.IsNaN(n) || math.IsInf(n, 0) {
				return nil, fmt.Errorf("%v cannot be sent: JSON has no such number", n)
			}
			return n, nil
		}
	default:
		return value, nil // a type of a newer Manager, which checks it itself
	}
	return nil, fmt.Errorf("wants %s, not %s", typeName(t), describe(value))
}

func toInt32(n float64) (any, error) {
	if n != math.Trunc(n) || n < math.MinInt32 || n > math.MaxInt32 {
		return nil, fmt.Errorf("wants a whole number from %d to %d, not %v", math.MinInt32, math.MaxInt32, n)
	}
	return int64(n), nil
}

func parseText(t api.AvailableJobSettingType, text string) (any, error) {
	var value any = text
	var err error
	switch t {
	case api.AvailableJobSettingTypeBool:
		value, err = strconv.ParseBool(strings.ToLower(strings.TrimSpace(text)))
	case api.AvailableJobSettingTypeInt32, api.AvailableJobSettingTypeFloat:
		value, err = strconv.ParseFloat(strings.TrimSpace(text), 64)
	case api.AvailableJobSettingTypeString:
		return text, nil
	}
	if err != nil {
		return nil, fmt.Errorf("wants %s, not %q", typeName(t), text)
	}
	return toType(t, value)
}

func typeName(t api.AvailableJobSettingType) string {
	switch t {
	case api.AvailableJobSettingTypeInt32:
		return "a whole number"
	case api.AvailableJobSettingTypeFloat:
		return "a number"
	case api.AvailableJobSettingTypeBool:
		return "true or false"
	case api.AvailableJobSettingTypeString:
		return "text"
	}
	return string(t)
}

func describe(value any) string {
	switch v := value.(type) {
	case nil:
		return "nothing"
	case bool:
		return fmt.Sprintf("the truth value %v", v)
	case int64, float64:
		return fmt.Sprintf("the number %v", v)
	case string:
		return fmt.Sprintf("the text %q", v)
	case []any:
		return "a list"
	case map[string]any:
		return "a mapping"
	}
	return fmt.Sprintf("%T", value)
}
