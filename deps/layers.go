package deps

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/klauspost/compress/s2"

	"github.com/flsync/flsync/internal/openfile"
	"github.com/flsync/flsync/internal/pattern"
	"github.com/flsync/flsync/internal/place"
)

const (
	maxLayers    = 20_000    // files that other files name, in one trace
	maxLayerText = 128 << 20 // bytes of a text layer or shader that are read
	maxTokens    = 256 << 20 // bytes of the tokens of a crate
)

// A layer is what a file that names others says: a USD layer, or a shader with #include.
type layer struct {
	paths    []string // as they stand there
	optional bool     // they may also be on a search path
	err      error    // why it could not be read
}

// namesOthers reports whether files of this name may name others.
func namesOthers(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".usd", ".usda", ".usdc", ".usdz", ".osl":
		return true
	}
	return false
}

// layers follows the files that the files of the trace name themselves: layers of USD (sublayers, references,
// payloads, value clips) and included shaders. Textures of USD are left out: Blender reads geometry from
// caches.
func (r *run) layers() {
	left := maxLayers
	for _, v := range r.visits {
		for i := range len(v.uses) { // it grows
			for _, file := range v.uses[i].Files {
				if namesOthers(file) {
					r.follows(v, v.uses[i], file, &left)
				}
			}
		}
	}
}

// follows adds what a layer names, and what that names.
func (r *run) follows(v *visit, by Use, file string, left *int) {
	disk := r.t.expand.disk
	queue := []string{file}
	for len(queue) > 0 && *left > 0 {
		file := queue[0]
		queue = queue[1:]
		if r.followed[file] {
			continue
		}
		r.followed[file] = true
		l := disk.layer(file)
		d := Dependency{Path: native(file), UsedBy: native(v.path), ID: by.ID, Field: by.Field}
		if l.err != nil {
			r.lack(LackAlone, d, "%s is sent without the files that it names: %v", d.Path, l.err)
		}
		for _, p := range l.paths {
			*left--
			if strings.HasPrefix(p, "/") || place.IsDrive(strings.ReplaceAll(p, `\`, "/")) || isShare(p) {
				r.lack(LackAlone, d, "%s names %s by an absolute path, which leads to nothing in a checkout: make it relative to the layer", d.Path, p)
				continue
			}
			use := Use{
				Reference: &Reference{ID: by.ID, Field: path.Base(file), Kind: by.Kind, Path: p, Optional: l.optional}, From: file,
			}
			target := disk.clean(below(folderOf(file), strings.ReplaceAll(p, `\`, "/")))
			var e expansion
			if strings.Contains(p, "#") {
				r.t.expand.template(&e, target)
			} else {
				r.t.expand.file(&e, target)
			}
			if l.optional {
				e.missing, e.wrong = nil, ""
			}
			use.Files, use.Missing, use.Wrong, use.numbers = e.files, e.missing, e.wrong, disk.number(e.files, e.missing)
			r.use(v, use, nil)
			for _, f := range e.files {
				if namesOthers(f) || l.optional {
					queue = append(queue, f)
				}
			}
		}
	}
}

// template adds the files of a template of value clips, in which each run of # is a number.
func (x *expander) template(e *expansion, target string) {
	folder, runs := folderOf(target), regexp.MustCompile(`#+`)
	pattern := "^" + runs.ReplaceAllString(regexp.QuoteMeta(path.Base(target)), `(-?[0-9]+)`) + "$"
	if x.disk.rulesOf(folder).Case {
		pattern = "(?i)" + pattern
	}
	match := regexp.MustCompile(pattern)
	for _, entry := range x.disk.list(folder) {
		if numbers := match.FindStringSubmatch(entry.name); numbers != nil && !entry.folder {
			e.files = append(e.files, below(folder, runs.ReplaceAllStringFunc(path.Base(target), func(string) string {
				numbers = numbers[1:]
				return numbers[0]
			})))
		}
	}
	if len(e.files) == 0 {
		e.missing = append(e.missing, target)
	}
}

// layer returns what a file names.
func (d *disk) layer(file string) *layer {
	return d.layers.get(file, func() *layer { return readLayer(filepath.FromSlash(file)) })
}

func readLayer(file string) *layer {
	l := &layer{optional: !strings.HasPrefix(strings.ToLower(path.Ext(file)), ".usd")}
	info, err := os.Stat(file)
	if err != nil {
		l.err = err
		return l
	}
	f, err := openfile.Open(file, info)
	if err != nil {
		l.err = err
		return l
	}
	defer f.Close()
	switch {
	case l.optional:
		text, err := io.ReadAll(io.LimitReader(f, maxLayerText))
		l.paths, l.err = includes(text), err
	case strings.EqualFold(path.Ext(file), ".usdz"):
		l.err = l.readPackage(f, info.Size())
	default:
		l.err = l.read(io.NewSectionReader(f, 0, info.Size()))
	}
	return l
}

// read takes in a USD layer of either form.
func (l *layer) read(f *io.SectionReader) error {
	head := make([]byte, 88)
	n, _ := f.ReadAt(head, 0)
	switch head = head[:n]; {
	case bytes.HasPrefix(head, []byte("PXR-USDC")):
		tokens, err := crateTokens(f, head, f.Size())
		for token := range bytes.SplitSeq(tokens, []byte{0}) {
			l.add(string(token))
		}
		return err
	case f.Size() > maxLayerText:
		return fmt.Errorf("it has more than %d bytes", maxLayerText)
	case bytes.HasPrefix(head, []byte("#usda")):
		text, err := io.ReadAll(f)
		assets(text, l.add)
		return err
	}
	return errors.New("it is no USD layer that can be read")
}

// readPackage takes in what the layers of a package name outside of it. A package is a Zip file without
// compression (the usdz specification); a path in it is relative to its layer, or to the package where it
// begins without a dot.
func (l *layer) readPackage(f io.ReaderAt, size int64) error {
	z, err := zip.NewReader(f, size)
	if err != nil {
		return fmt.Errorf("it is a damaged USD package: %w", err)
	}
	names := map[string]bool{}
	for _, entry := range z.File {
		names[path.Clean(entry.Name)] = true
	}
	left := int64(maxLayerText)
	for _, entry := range z.File {
		var inner layer
		if inner.add(entry.Name); len(inner.paths) == 0 || strings.EqualFold(path.Ext(entry.Name), ".usdz") {
			continue
		}
		offset, err := entry.DataOffset()
		if n := entry.UncompressedSize64; err == nil && (entry.Method != zip.Store || n > uint64(left)) {
			err = errors.New("it is compressed or large")
		} else if err == nil {
			left -= int64(n)
			inner.paths = nil
			err = inner.read(io.NewSectionReader(f, offset, int64(n)))
		}
		if err != nil {
			return fmt.Errorf("layer %s of the package: %w", entry.Name, err)
		}
		for _, p := range inner.paths {
			inside := names[path.Join(path.Dir(entry.Name), p)] || !strings.HasPrefix(p, ".") && names[path.Clean(p)]
			if !inside {
				l.paths = append(l.paths, p)
			}
		}
	}
	return nil
}

// add adds a path if it is that of another layer. What is in a package (a.usdz[b.usda]) goes with it.
func (l *layer) add(p string) {
	p, _, _ = strings.Cut(p, "[")
	switch strings.ToLower(path.Ext(p)) {
	case ".usd", ".usda", ".usdc", ".usdz":
		l.paths = append(l.paths, p)
	}
}

// assets gives the asset paths in a text layer, between @ or @@@, and the templates of value clips, which are
// strings.
func assets(text []byte, add func(string)) {
	for i := 0; i < len(text); {
		switch text[i] {
		case '#':
			i += lineEnd(text[i:])
		case '"', '\'':
			n := quoted(text[i:])
			before := bytes.TrimRight(text[max(0, i-64):i], " \t=")
			if bytes.HasSuffix(before, []byte("templateAssetPath")) {
				add(strings.Trim(string(text[i:i+n]), `"'`))
			}
			i += n
		case '@':
			mark := "@"
			if bytes.HasPrefix(text[i:], []byte("@@@")) {
				mark = "@@@"
			}
			rest := text[i+len(mark):]
			end := bytes.Index(rest, []byte(mark))
			if end < 0 {
				return
			}
			add(string(rest[:end]))
			i += 2*len(mark) + end
		default:
			i++
		}
	}
}

func lineEnd(text []byte) int {
	if n := bytes.IndexByte(text, '\n'); n >= 0 {
		return n + 1
	}
	return len(text)
}

// quoted gives the length of the string that text begins with, quotes included: one or three of either kind.
func quoted(text []byte) int {
	mark := text[:1]
	if len(text) >= 3 && text[1] == text[0] && text[2] == text[0] {
		mark = text[:3]
	}
	for i := len(mark); i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case bytes.HasPrefix(text[i:], mark):
			return i + len(mark)
		case text[i] == '\n' && len(mark) == 1:
			return i // a string of one line that does not end
		}
	}
	return len(text)
}

var include = pattern.Lazy(`(?m)^[ \t]*#[ \t]*include[ \t]+["<]([^">\n]+)[">]`)

// includes gives the files that a shader includes.
func includes(text []byte) []string {
	var list []string
	for _, m := range include().FindAllSubmatch(text, -1) {
		list = append(list, string(m[1]))
	}
	return list
}

var errCrate = errors.New("it is a damaged USD crate")

// crateTokens gives the tokens of a crate, each with a closing NUL: all its strings and asset paths are among
// them. The head has the offset of a table of sections, each with a name of 16 bytes, a start and a size
// (pxr/usd/usd/crateFile).
func crateTokens(r io.ReaderAt, head []byte, size int64) ([]byte, error) {
	read := func(off, n int64) ([]byte, error) {
		if off < 0 || n < 0 || off > size || n > size-off || n > maxTokens {
			return nil, errCrate
		}
		b := make([]byte, n)
		_, err := r.ReadAt(b, off)
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return b, err
	}
	number := func(b []byte) int64 { return int64(binary.LittleEndian.Uint64(b)) }
	if len(head) < 24 {
		return nil, errCrate
	}
	table := number(head[16:])
	count, err := read(table, 8)
	if err != nil {
		return nil, err
	}
	if n := number(count); n < 0 || n > 64 {
		return nil, errCrate
	}
	sections, err := read(table+8, number(count)*32)
	if err != nil {
		return nil, err
	}
	for ; len(sections) >= 32; sections = sections[32:] {
		if name, _, _ := bytes.Cut(sections[:16], []byte{0}); string(name) != "TOKENS" {
			continue
		}
		body, err := read(number(sections[16:]), number(sections[24:]))
		if err != nil || len(body) < 16 {
			return nil, errors.Join(err, errCrate)
		}
		if head[8] == 0 && head[9] < 4 { // before version 0.4.0 they are not compressed
			return body[16:], nil
		}
		if len(body) < 24 {
			return nil, errCrate
		}
		plain, packed := number(body[8:]), number(body[16:])
		if packed < 1 || packed > int64(len(body)-24) || plain < 0 || plain > maxTokens {
			return nil, errCrate
		}
		return unpackChunks(body[24:24+packed], int(plain))
	}
	return nil, errCrate
}

// unpackChunks decompresses LZ4 blocks: the first byte says how many follow, each with its length; 0 is one
// without.
func unpackChunks(data []byte, plain int) ([]byte, error) {
	chunks, data := int(data[0]), data[1:]
	if chunks == 0 {
		return unpackLZ4(nil, data, plain)
	}
	var out []byte
	for range chunks {
		if len(data) < 4 {
			return nil, errCrate
		}
		n := int(int32(binary.LittleEndian.Uint32(data)))
		if data = data[4:]; n < 0 || n > len(data) {
			return nil, errCrate
		}
		var err error
		if out, err = unpackLZ4(out, data[:n], plain); err != nil {
			return nil, err
		}
		data = data[n:]
	}
	return out, nil
}

// unpackLZ4 appends a decompressed LZ4 block to out, up to a limit. It has the block made into one of S2,
// which follows the length of what it decompresses to.
func unpackLZ4(out, data []byte, limit int) ([]byte, error) {
	var converter s2.LZ4Converter
	block, n, err := converter.ConvertBlock(make([]byte, 0, 2*len(data)+64), data)
	if err != nil || n > limit-len(out) {
		return nil, errors.Join(errCrate, err)
	}
	plain, err := s2.Decode(nil, append(binary.AppendUvarint(nil, uint64(n)), block...))
	if err != nil {
		return nil, errors.Join(errCrate, err)
	}
	return append(out, plain...), nil
}
