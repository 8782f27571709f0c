package config

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"

	"github.com/leadership-go/leadership"
)

// The rules that a value can break before it is a setting.
const (
	sectionRule  = "must be a section of settings"
	unknownRule  = "is not a known setting"
	textRule     = "must be text: put it in quotes"
	durationRule = "must be a duration such as 15s or a number of seconds, at most 292 years"
	numberRule   = "must be a whole number"
	switchRule   = "must be true or false"
	namesRule    = "must be a section of names and texts, or text such as zone=a,rack=7 that has each name once"
	listRule     = "must be a list, or text separated by commas"
	emptyRule    = "must not be empty: leave it out for the default"
	zeroRule     = "must not be 0: leave it out for the default"
)

// setting is a leaf of [leadership.Config].
type setting struct {
	path  string // as in the file: "session.ttl"
	index []int  // where [reflect.Value.FieldByIndex] finds it
}

// settings lists the leaves of [leadership.Config], in the order of its fields.
func settings() []setting {
	var out []setting
	var walk func(reflect.Type, string, []int)
	walk = func(t reflect.Type, path string, index []int) {
		for field := range t.Fields() {
			s := setting{path + field.Tag.Get("mapstructure"), append(slices.Clone(index), field.Index...)}
			if field.Type.Kind() == reflect.Struct {
				walk(field.Type, s.path+".", s.index)
			} else {
				out = append(out, s)
			}
		}
	}
	walk(reflect.TypeFor[leadership.Config](), "", nil)
	return out
}

// mayBeZero reports whether a zero is a setting of its own at path, which it is not where it means the default.
func mayBeZero(path string) bool {
	switch path {
	case "election.delay", "election.takeoverDelay", "election.preempt", "profile.priority", "consul.discovery.enabled":
		return true
	default:
		return false
	}
}

// decode puts the settings in raw, a tree of maps, over cfg. name tells how errors call the setting at a path.
func decode(cfg *leadership.Config, raw map[string]any, name func(path string) string) error {
	if len(raw) == 0 {
		return nil
	}
	var metadata mapstructure.Metadata
	decoder, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		Result:     cfg,
		Metadata:   &metadata, // its list of unused keys gives whole paths, which the error of ErrorUnused does not
		DecodeHook: convert,
		MatchName:  func(key, field string) bool { return key == field },
		ZeroFields: true, // a list replaces the one before
	})
	if err != nil {
		return fmt.Errorf("config: %w", err)
	}
	if err := decoder.Decode(raw); err != nil {
		return rename(err, name)
	}
	if len(metadata.Unused) > 0 {
		slices.Sort(metadata.Unused)
		path := firstLeaf(raw, metadata.Unused[0])
		return &leadership.ConfigError{Field: name(path), Rule: unknownRule}
	}
	for _, s := range settings() {
		if !slices.Contains(metadata.Keys, s.path) || mayBeZero(s.path) {
			continue
		}
		value := reflect.ValueOf(cfg).Elem().FieldByIndex(s.index)
		isList := value.Kind() == reflect.Slice || value.Kind() == reflect.Map
		if !value.IsZero() && (!isList || value.Len() > 0) {
			continue
		}
		rule := zeroRule
		if isList || value.Kind() == reflect.String {
			rule = emptyRule
		}
		return &leadership.ConfigError{Field: name(s.path), Value: printable(lookup(raw, s.path)), Rule: rule}
	}
	return nil
}

// convert turns what a file or a variable holds into the type of the field it is for.
func convert(from, to reflect.Value) (any, error) {
	value := from.Interface()
	refuse := func(rule string) (any, error) {
		return nil, &leadership.ConfigError{Value: printable(value), Rule: rule}
	}
	if to.Kind() == reflect.Struct {
		if _, ok := value.(map[string]any); !ok && from.Type() != to.Type() {
			return refuse(sectionRule)
		}
		return value, nil
	}
	text, ok := scalar(value)
	switch to.Interface().(type) {
	case time.Duration:
		if d, valid := parseDuration(text); ok && valid {
			return d, nil
		}
		return refuse(durationRule)
	case int:
		if n, err := strconv.Atoi(text); ok && err == nil {
			return n, nil
		}
		return refuse(numberRule)
	case bool:
		if b, err := strconv.ParseBool(text); ok && err == nil {
			return b, nil
		}
		return refuse(switchRule)
	case []string:
		switch list := value.(type) {
		case []any:
			return list, nil
		case string:
			return splitList(list), nil
		default:
			return refuse(listRule)
		}
	case map[string]string:
		switch names := value.(type) {
		case map[string]any:
			return names, nil
		case string:
			if split, ok := splitNames(names); ok {
				return split, nil
			}
		}
		return refuse(namesRule)
	default:
		if _, isText := value.(string); !isText {
			return refuse(textRule)
		}
		return value, nil
	}
}

// scalar is the text of a single value.
func scalar(value any) (string, bool) {
	switch value := value.(type) {
	case string:
		return value, true
	case bool, int, int64, uint64, float64:
		return fmt.Sprint(value), true
	default:
		return "", false
	}
}

// parseDuration reads "15s", or "15" as seconds.
func parseDuration(text string) (time.Duration, bool) {
	if d, err := time.ParseDuration(text); err == nil {
		return d, true
	}
	seconds, err := strconv.ParseFloat(text, 64)
	nanoseconds := math.Round(seconds * float64(time.Second))
	// math.MaxInt64 as a float64 is one too many; NaN compares false.
	if err != nil || !(math.Abs(nanoseconds) < math.MaxInt64) {
		return 0, false
	}
	return time.Duration(nanoseconds), true
}

// splitList splits at commas; an empty text is an empty list.
func splitList(text string) []any {
	list := []any{}
	if strings.TrimSpace(text) == "" {
		return list
	}
	for part := range strings.SplitSeq(text, ",") {
		list = append(list, strings.TrimSpace(part))
	}
	return list
}

// splitNames splits "zone=a,rack=7". It reports false where that is something else; an empty text has no names.
func splitNames(text string) (map[string]any, bool) {
	names := make(map[string]any)
	for _, part := range splitList(text) {
		name, value, ok := strings.Cut(part.(string), "=")
		name = strings.TrimSpace(name)
		if _, twice := names[name]; !ok || name == "" || twice {
			return nil, false
		}
		names[name] = strings.TrimSpace(value)
	}
	return names, true
}

// rename gives the error of a decoder, or of [leadership.Config.Validate], the full name of its setting.
func rename(err error, name func(path string) string) error {
	invalid, isInvalid := errors.AsType[*leadership.ConfigError](err)
	if !isInvalid {
		return fmt.Errorf("%w: %w", leadership.ErrInvalidConfig, err)
	}
	path := invalid.Field
	if decoding, ok := errors.AsType[*mapstructure.DecodeError](err); ok {
		path = decoding.Name()
	}
	return &leadership.ConfigError{Field: name(path), Value: invalid.Value, Rule: invalid.Rule}
}

// firstLeaf extends path to the first setting below it: a misspelled section is told by what it was to set.
func firstLeaf(tree map[string]any, path string) string {
	branch, ok := lookup(tree, path).(map[string]any)
	if !ok || len(branch) == 0 {
		return path
	}
	return firstLeaf(tree, path+"."+slices.Min(slices.Collect(maps.Keys(branch))))
}

// lookup is what stands at path in a tree of maps, nil for nothing.
func lookup(tree map[string]any, path string) any {
	name, rest, deeper := strings.Cut(path, ".")
	if !deeper {
		return tree[name]
	}
	branch, ok := tree[name].(map[string]any)
	if !ok {
		return nil
	}
	return lookup(branch, rest)
}

// printable is a value as an error shows it: nothing of a section or a filled list.
func printable(value any) any {
	switch value := value.(type) {
	case nil:
		return "null"
	case string:
		return strconv.Quote(value)
	case []any:
		if len(value) == 0 {
			return "[]"
		}
		return nil
	case map[string]any:
		if len(value) == 0 {
			return "{}"
		}
		return nil
	default:
		if text, ok := scalar(value); ok {
			return text
		}
		return nil
	}
}
