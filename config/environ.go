package config

import (
	"fmt"
	"strings"

	"github.com/leadership-go/leadership"
)

// envPrefix starts the name of every variable that is read.
const envPrefix = "CLUSTER_LEADER_"

// parseEnviron returns the settings in environ as a tree of maps, as parseYAML does, and the variable that each path came from.
func parseEnviron(environ []string) (raw map[string]any, variables map[string]string, err error) {
	paths := make(map[string]string)
	for _, s := range settings() {
		paths[strings.ToUpper(strings.ReplaceAll(s.path, ".", ""))] = s.path
	}
	raw, variables = make(map[string]any), make(map[string]string)
	values := make(map[string]string)
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		rest, ok := strings.CutPrefix(strings.ToUpper(name), envPrefix)
		if !ok {
			continue
		}
		path, ok := paths[strings.ReplaceAll(rest, "_", "")]
		if !ok || isServiceLink(path, value) {
			continue
		}
		if first, ok := variables[path]; ok && values[path] != value {
			return nil, nil, &leadership.ConfigError{
				Field: prefix + path, Rule: fmt.Sprintf("must be given once, not by both %s and %s", first, name),
			}
		}
		variables[path], values[path] = name, value
		insert(raw, path, value)
	}
	return raw, variables, nil
}

// isServiceLink reports whether a value is what Kubernetes sets for a Service called cluster-leader-consul, not a port.
func isServiceLink(path, value string) bool {
	return path == "consul.port" && strings.Contains(value, "://")
}

// insert puts value at path into a tree of maps.
func insert(tree map[string]any, path string, value any) {
	name, rest, deeper := strings.Cut(path, ".")
	if !deeper {
		tree[name] = value
		return
	}
	branch, ok := tree[name].(map[string]any)
	if !ok {
		branch = make(map[string]any)
		tree[name] = branch
	}
	insert(branch, rest, value)
}
