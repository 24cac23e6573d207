package manifest

import (
	"bytes"
	"errors"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// parseYAML reads one YAML document; nil after an error that leaves nothing to read.
func (s *source) parseYAML() *node {
	decoder := yaml.NewDecoder(bytes.NewReader(s.data))
	var doc yaml.Node
	if err := decoder.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			s.errs.Add(s.pos(1, 1), "the manifest is empty")
		} else {
			s.addYAMLError(err)
		}
		return nil
	}
	var second yaml.Node
	if err := decoder.Decode(&second); err == nil {
		s.errs.Add(s.pos(second.Line, max(second.Column, 1)), "a second document; a manifest is one")
	} else if !errors.Is(err, io.EOF) {
		s.addYAMLError(err)
		return nil
	}
	c := &yamlConverter{source: s, open: map[*yaml.Node]bool{}}
	n := c.convert(doc.Content[0], 0)
	if c.refused {
		return nil
	}
	return n
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)

// addYAMLError gives a syntax error the best place there is: the parser knows the
// line at most.
func (s *source) addYAMLError(err error) {
	m := yamlLine.FindStringSubmatch(err.Error())
	line, _ := strconv.Atoi(m[1])
	line = max(line, 1)
	message := err.Error()[len(m[0]):]
	lines := strings.Split(string(s.data), "\n")
	line = min(line, len(lines))

	if line < len(lines) && strings.HasPrefix(strings.TrimLeft(lines[line], " "), "\t") && strings.Contains(message, "tab") {
		line++ // the parser names the line before
	}
	text := lines[line-1]
	indent := text[:len(text)-len(strings.TrimLeft(text, " \t"))]
	if tab := strings.IndexByte(indent, '\t'); tab >= 0 && strings.Contains(message, "tab") || tab >= 0 && strings.Contains(message, "cannot start any token") {
		s.errs.Add(s.pos(line, tab+1), "a tab; YAML is indented with spaces")
		return
	}
	if anchor, ok := strings.CutPrefix(message, "unknown anchor '"); ok {
		anchor, _, _ = strings.Cut(anchor, "'")
		if i := bytes.Index(s.data, []byte("*"+anchor)); i >= 0 {
			s.errs.Add(s.at(i), "nothing is called &%s", anchor)
			return
		}
	}
	if strings.Contains(message, "control characters") {
		if i := bytes.IndexFunc(s.data, func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7f }); i >= 0 {
			r, _ := utf8.DecodeRune(s.data[i:])
			s.errs.Add(s.at(i), "the control character U+%04X", r)
			return
		}
	}
	s.errs.Add(s.pos(line, utf8.RuneCountInString(indent)+1), "this is not YAML: %s", message)
}

// yamlConverter turns yaml.v3's tree into ours, expanding aliases and merges.
type yamlConverter struct {
	*source
	own     int // nodes of the text itself
	aliased int // nodes that aliases repeat
	aliases int // aliases around the node at hand
	refused bool
	open    map[*yaml.Node]bool // being converted: an alias to one is a circle
}

func (c *yamlConverter) convert(y *yaml.Node, depth int) *node {
	n := &node{pos: c.pos(y.Line, y.Column)}
	if c.refused {
		return n
	}
	if c.aliases > 0 {
		c.aliased++
	} else {
		c.own++
	}
	if c.own > maxNodes || c.aliased > maxAliased+10*c.own || depth > maxDepth {
		c.refused = true
		c.errs.Add(n.pos, "the manifest is nested or repeated without end (%d values, %d levels are allowed)", maxNodes, maxDepth)
		return n
	}
	switch y.Kind {
	case yaml.AliasNode:
		if c.open[y.Alias] {
			c.errs.Add(n.pos, "*%s is used inside of itself", y.Value)
			return n
		}
		c.aliases++
		converted := *c.convert(y.Alias, depth+1)
		c.aliases--
		converted.pos = n.pos // where it is used, which is where a mistake shows
		return &converted
	case yaml.SequenceNode:
		c.open[y] = true
		n.items = []*node{}
		for _, item := range y.Content {
			n.items = append(n.items, c.convert(item, depth+1))
		}
		delete(c.open, y)
	case yaml.MappingNode:
		c.open[y] = true
		c.mapping(n, y, depth)
		delete(c.open, y)
	default:
		n.value = c.scalar(y, n.pos)
	}
	return n
}

func (c *yamlConverter) mapping(n *node, y *yaml.Node, depth int) {
	*n = *newMap(n.pos)
	var merges []*yaml.Node
	for i := 0; i+1 < len(y.Content); i += 2 {
		key := y.Content[i]
		if key.Tag == "!!merge" {
			merges = append(merges, y.Content[i+1])
			continue
		}
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if key.Kind != yaml.ScalarNode {
			c.errs.Add(c.pos(key.Line, key.Column), "a key must be text")
			continue
		}
		c.addKey(n, &node{pos: c.pos(y.Content[i].Line, y.Content[i].Column), value: key.Value}, c.convert(y.Content[i+1], depth+1), true)
	}
	for _, merge := range merges {
		from := c.convert(merge, depth+1)
		for _, m := range append([]*node{from}, from.items...) {
			for i, key := range m.keys {
				c.addKey(n, key, m.vals[i], false)
			}
		}
		if !from.isMap() && !from.isSeq() {
			c.errs.Add(from.pos, "<< takes a mapping")
		}
	}
}

// addKey adds a pair. What is there already wins; unless it comes from a merge,
// a second one is a mistake.
func (c *source) addKey(n *node, key, value *node, report bool) {
	if first := n.key(key.value.(string)); first != nil {
		if report {
			c.errs.Add(key.pos, "%s is here a second time; the first is in line %d", key.value, first.pos.Line)
		}
		return
	}
	n.add(key, value)
}

func (c *yamlConverter) scalar(y *yaml.Node, pos Pos) any {
	switch y.Tag {
	case "!!null":
		return nil
	case "!!bool":
		return strings.EqualFold(y.Value, "true")
	case "!!int":
		var n int64
		if err := y.Decode(&n); err == nil {
			return n
		}
		return c.float(y, pos)
	case "!!float":
		return c.float(y, pos)
	case "!!str", "!!timestamp", "!!binary", "":
		// A date has no quotes; nobody means a point in time.
		return y.Value
	}
	c.errs.Add(pos, "the tag %s has no meaning here", y.Tag)
	return y.Value
}

func (c *yamlConverter) float(y *yaml.Node, pos Pos) any {
	var f float64
	if err := y.Decode(&f); err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		c.errs.Add(pos, "%s is no finite number", y.Value)
		return int64(0)
	}
	return f
}
