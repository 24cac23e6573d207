package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/flsync/flsync/internal/pattern"
)

// parseYAML reads one YAML document; nil after an error that leaves nothing to read.
func (s *source) parseYAML() *node {
	if bytes.Count(s.data, []byte(","))+bytes.Count(s.data, []byte("\n")) > maxEntries {
		s.errs.Add(s.pos(1, 1), "more than %d lines and commas", maxEntries)
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(s.data))
	var doc, second yaml.Node
	if err := decoder.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			s.errs.Add(s.pos(1, 1), "the manifest is empty")
		} else {
			s.addYAMLError(err)
		}
		return nil
	}
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

// jsonEscape finds escapes of JSON.
var jsonEscape = pattern.Lazy(`(?:\\u[0-9a-fA-F]{4})+|\\.`)

// yamlEscape writes escapes of JSON that YAML lacks, \/ and one character in two halves, as YAML has them.
func yamlEscape(escape []byte) []byte {
	if escape[1] == '/' {
		return escape[1:]
	} else if escape[1] != 'u' {
		return escape
	}
	var text string
	var out []byte
	_ = json.Unmarshal(fmt.Appendf(nil, `"%s"`, escape), &text) // halves alone become U+FFFD
	for _, r := range text {
		out = fmt.Appendf(out, `\U%08X`, r)
	}
	return out
}

// parseJSON reads one JSON value, which is the whole of what. JSON is YAML once it is known to be JSON.
func (s *source) parseJSON(what string) *node {
	var syntax *json.SyntaxError
	if err := json.Unmarshal(s.data, new(json.RawMessage)); errors.As(err, &syntax) {
		offset := int(max(syntax.Offset-1, 0))
		switch text := syntax.Error(); {
		case strings.Contains(text, "unexpected end"):
			s.errs.Add(s.at(len(bytes.TrimRight(s.data, " \t\r\n"))), "the JSON ends too early")
			return nil
		case strings.Contains(text, "after top-level value"):
			s.errs.Add(s.at(offset), "%s goes on behind its end; only .jsonl files hold several values, one a line", what)
			s.data = s.data[:offset] // the beginning is checked all the same
		default:
			hint := ""
			if strings.Contains(text, "in string escape code") {
				hint = `; a backslash is written \\ in JSON, and paths may have slashes instead`
			}
			s.errs.Add(s.at(offset), "this is not JSON: %s%s", text, hint)
			return nil
		}
	}
	s.data = jsonEscape().ReplaceAllFunc(s.data, yamlEscape)
	return s.parseYAML()
}

// parseJSONL reads one job a line and returns a whole manifest.
func (s *source) parseJSONL() *node {
	var jobs []*node
	line := 0
	for text := range bytes.Lines(s.data) {
		if len(bytes.TrimSpace(text)) > 0 && len(jobs) <= maxJobs { // one more is refused later
			// The line alone, so that a broken one does not spoil the next.
			one := &source{name: s.name, data: bytes.TrimRight(text, "\r\n"), errs: s.errs, above: line}
			if n := one.parseJSON("the line"); n != nil {
				jobs = append(jobs, n)
			}
		}
		line++
	}
	return s.wrapJobs(jobs)
}

// wrapJobs makes a manifest of a list of jobs.
func (s *source) wrapJobs(jobs []*node) *node {
	root := newMap(s.pos(1, 1))
	root.add("jobs", root.pos, &node{pos: root.pos, items: append([]*node{}, jobs...)})
	return root
}

var (
	yamlLine = pattern.Lazy(`^(?:yaml: )?(?:line (\d+): )?`)
	// badEscape is the first escape of a text that YAML does not know (YAML 1.2, 5.7).
	badEscape = pattern.Lazy(`^(?:[^\\]|\\[0abtnvfre "/\\N_LP\t]|\\x[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8})*`)
	// newPath is a Windows path in which an escape became a control character, as in "C:\new".
	newPath = pattern.Lazy(`^[A-Za-z]:\S*[\x00-\x08\t\n\v\f\r\x1b]\S`)
)

const pathHint = `in double quotes a backslash begins an escape: write paths in single quotes, 'C:\shots', or with slashes, C:/shots`

// addYAMLError gives a syntax error the best place there is: the parser knows the line at most.
func (s *source) addYAMLError(err error) {
	m := yamlLine().FindStringSubmatch(err.Error())
	number, _ := strconv.Atoi(m[1])
	message := err.Error()[len(m[0]):]
	lines := strings.Split(string(s.data), "\n")
	number = min(max(number, 1), len(lines))
	if number < len(lines) && strings.HasPrefix(strings.TrimLeft(lines[number], " "), "\t") && strings.Contains(message, "tab") {
		number++ // the parser names the line before
	}
	line := lines[number-1]
	indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
	pos := s.pos(number, utf8.RuneCountInString(indent)+1)
	tab := strings.IndexByte(indent, '\t')
	switch {
	case tab >= 0 && (strings.Contains(message, "tab") || strings.Contains(message, "cannot start any token")):
		pos.Col = tab + 1
		message = "a tab; YAML is indented with spaces"
	case strings.HasPrefix(message, "unknown anchor '"):
		anchor, _, _ := strings.Cut(message[len("unknown anchor '"):], "'")
		if i := bytes.Index(s.data, []byte("*"+anchor)); i >= 0 {
			pos = s.at(i)
		}
		message = "nothing is called &" + anchor
	case strings.Contains(message, "control characters"):
		if i := bytes.IndexFunc(s.data, func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7f }); i >= 0 {
			r, _ := utf8.DecodeRune(s.data[i:])
			pos, message = s.at(i), fmt.Sprintf("the control character U+%04X", r)
		}
	case strings.Contains(message, "unknown escape"), strings.Contains(message, "hexdecimal number"):
		if good := badEscape().FindString(line); len(good) < len(line) {
			pos.Col = utf8.RuneCountInString(good) + 1
		}
		message += "; " + pathHint
		fallthrough
	default:
		message = "this is not YAML: " + message
	}
	s.errs.Add(pos, "%s", message)
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
		key, pos := y.Content[i], c.pos(y.Content[i].Line, y.Content[i].Column)
		if key.Tag == "!!merge" {
			merges = append(merges, y.Content[i+1])
			continue
		}
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if key.Kind != yaml.ScalarNode {
			c.errs.Add(pos, "a key must be text")
			continue
		}
		name, value := key.Value, c.convert(y.Content[i+1], depth+1)
		if first := n.at(name); first != nil {
			c.errs.Add(pos, "%s is here a second time; the first is in line %d", name, first.pos.Line)
			continue
		}
		n.add(name, pos, value)
	}
	for _, merge := range merges {
		from := c.convert(merge, depth+1)
		if !from.isMap() && !from.isSeq() {
			c.errs.Add(from.pos, "<< takes a mapping")
		}
		for _, m := range append([]*node{from}, from.items...) {
			for _, p := range m.pairs {
				if !n.has(p.key) { // what is there already wins
					n.add(p.key, p.pos, p.value)
				}
			}
		}
	}
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
		text := y.Value
		switch {
		case y.Style&yaml.DoubleQuotedStyle != 0 && newPath().MatchString(text):
			c.errs.Add(pos, "%q holds a control character; %s", text, pathHint)
		case y.Style == 0 && tooLarge(text):
			return c.float(y, pos)
		}
		return text // a date has no quotes; nobody means a point in time
	}
	c.errs.Add(pos, "the tag %s has no meaning here", y.Tag)
	return y.Value
}

// tooLarge reports whether text is a number without bounds, such as 1e999, which yaml.v3 has for text.
func tooLarge(text string) bool {
	_, err := strconv.ParseFloat(text, 64)
	return errors.Is(err, strconv.ErrRange)
}

func (c *yamlConverter) float(y *yaml.Node, pos Pos) any {
	var f float64
	if err := y.Decode(&f); err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		c.errs.Add(pos, "%s is no finite number", y.Value)
		return int64(0)
	}
	return f
}
