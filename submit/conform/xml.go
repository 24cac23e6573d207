package conform

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/flsync/flsync/internal/pattern"
)

// element is an element of an XML edit.
type element struct {
	name     string
	attrs    map[string]string
	text     string
	children []*element
}

// readXML reads what editing systems call XML: Final Cut Pro 7's (xmeml), or Final Cut Pro X's (fcpxml).
func readXML(text []byte, name string, opt Options) (*Edit, error) {
	root, err := parseXML(toUTF8(text))
	if err != nil {
		return nil, fmt.Errorf("%s: no XML: %w", name, err)
	}
	switch root.name {
	case "fcpxml":
		return readFCPXML(root, name, opt)
	case "xmeml":
		return readXMEML(root, name, opt)
	}
	return nil, fmt.Errorf("%s: %w: its element is %q; flsync reads xmeml and fcpxml", name, ErrFormat, root.name)
}

const (
	maxXMLDepth    = 200
	maxXMLElements = 20_000_000
)

func parseXML(text string) (*element, error) {
	d := xml.NewDecoder(strings.NewReader(text))
	d.CharsetReader = func(_ string, input io.Reader) (io.Reader, error) { return input, nil } // it is UTF-8 by now
	open := []*element{{}}
	for n := 0; ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && len(open) == 1 && len(open[0].children) == 1 {
			return open[0].children[0], nil
		}
		if err != nil {
			return nil, err
		}
		top := open[len(open)-1]
		switch t := token.(type) {
		case xml.StartElement:
			if n++; n > maxXMLElements || len(open) > maxXMLDepth {
				return nil, errors.New("more elements than an edit has")
			}
			e := &element{name: t.Name.Local}
			for _, a := range t.Attr {
				if e.attrs == nil {
					e.attrs = make(map[string]string, len(t.Attr))
				}
				e.attrs[a.Name.Local] = a.Value
			}
			top.children = append(top.children, e)
			open = append(open, e)
		case xml.EndElement:
			top.text = strings.TrimSpace(top.text)
			open = open[:len(open)-1]
		case xml.CharData:
			top.text += string(t)
		}
	}
}

// child returns the element at a path of names; an empty one if there is none.
func (e *element) child(path ...string) *element {
	for _, name := range path {
		found := &element{}
		for _, c := range e.children {
			if c.name == name {
				found = c
				break
			}
		}
		e = found
	}
	return e
}

// each calls do with the element and all within it.
func (e *element) each(do func(*element)) {
	do(e)
	for _, c := range e.children {
		c.each(do)
	}
}

// number is the text of a child as a number.
func (e *element) number(path ...string) (Rational, bool) {
	n, isTimecode, err := frame(e.child(path...).text, Rational{}, false)
	return n, err == nil && !isTimecode
}

// widths are the frame numbers of x.%04d.exr, which edits do not escape.
var widths = pattern.Lazy(`%(0\d)?d`)

// fileOfURL is the path in a file's URL.
func fileOfURL(text string) string {
	path, ok := strings.CutPrefix(text, "file://")
	if !ok {
		return text
	}
	path = widths().ReplaceAllString(strings.TrimPrefix(path, "localhost"), "%25${1}d")
	if plain, err := url.PathUnescape(path); err == nil {
		path = plain
	}
	return path
}
