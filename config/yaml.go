package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/leadership-go/leadership"
)

// prefix stands before the path of a setting: the section of the file that holds them.
const prefix = "cluster.leader."

// wholeFile is the path of the top level in an error.
const wholeFile = "the file"

// under is the path of key in the section at path.
func under(path, key string) string {
	if path == wholeFile {
		return key
	}
	return path + "." + key
}

// parseYAML returns the section cluster.leader as a tree of maps, nil where there is none. A file of several documents may
// have the section in one of them.
func parseYAML(data []byte) (map[string]any, error) {
	var found *yaml.Node
	documents := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var document yaml.Node
		switch err := documents.Decode(&document); {
		case errors.Is(err, io.EOF):
			return parseSection(found)
		case err != nil:
			return nil, fmt.Errorf("%w: %w", leadership.ErrInvalidConfig, err)
		}
		leader, err := findSection(&document)
		if err != nil {
			return nil, err
		}
		if leader != nil && found != nil {
			return nil, &leadership.ConfigError{
				Field: strings.TrimSuffix(prefix, "."),
				Rule:  fmt.Sprintf("must stand in one document of the file, not in lines %d and %d", found.Line, leader.Line),
			}
		}
		if leader != nil {
			found = leader
		}
	}
}

// findSection returns the node at cluster.leader, nil where there is none.
func findSection(node *yaml.Node) (*yaml.Node, error) {
	if node.Kind == yaml.DocumentNode {
		node = node.Content[0]
	}
	path := wholeFile
	for name := range strings.SplitSeq(strings.TrimSuffix(prefix, "."), ".") {
		var fields map[string]yaml.Node
		if err := decodeSection(node, path, &fields); err != nil {
			return nil, err
		}
		for key := range fields {
			if strings.HasPrefix(key, name+".") {
				return nil, &leadership.ConfigError{Field: under(path, key), Rule: "must be written as nested sections"}
			}
		}
		next, ok := fields[name]
		if !ok {
			return nil, nil
		}
		node = &next
		path = under(path, name)
	}
	return node, nil
}

// parseSection turns the node at cluster.leader into maps.
func parseSection(node *yaml.Node) (map[string]any, error) {
	if node == nil {
		return nil, nil
	}
	section := strings.TrimSuffix(prefix, ".")
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if err := refuseDuplicates(node, section); err != nil {
		return nil, err
	}
	var fields map[string]any
	if err := decodeSection(node, section, &fields); err != nil {
		return nil, err
	}
	return fields, nil
}

// decodeSection decodes a mapping, or null, into fields.
func decodeSection(node *yaml.Node, path string, fields any) error {
	content := node
	if content.Kind == yaml.AliasNode {
		content = content.Alias
	}
	if content.Kind != yaml.MappingNode && content.ShortTag() != "!!null" {
		return &leadership.ConfigError{Field: path, Rule: sectionRule}
	}
	if err := node.Decode(fields); err != nil {
		return fmt.Errorf("%w: %s: %w", leadership.ErrInvalidConfig, path, err)
	}
	return nil
}

// refuseDuplicates finds keys given twice, to name their paths; the YAML library names lines only. It does not follow
// aliases: for what they stand for, the library's word has to do.
func refuseDuplicates(node *yaml.Node, path string) error {
	if node.Kind != yaml.MappingNode {
		return nil
	}
	lines := make(map[string]int)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		field := under(path, key.Value)
		if line, ok := lines[key.Value]; ok {
			return &leadership.ConfigError{
				Field: field, Rule: fmt.Sprintf("must be given once, not in lines %d and %d", line, key.Line),
			}
		}
		lines[key.Value] = key.Line
		if err := refuseDuplicates(value, field); err != nil {
			return err
		}
	}
	return nil
}
