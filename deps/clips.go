package deps

import (
	"github.com/flsync/flsync/deps/blend"
	"github.com/flsync/flsync/internal/place"
)

const (
	clipSequence = 1 // MovieClip.source

	clipUseProxy       = 1 << 0 // MovieClip.flag
	clipProxyCustomDir = 1 << 1

	// proxyFolder is where proxies are kept, beside what they are of, unless another folder is set.
	proxyFolder = "BL_proxy"
)

// readClip takes in a movie clip and its proxies.
func readClip(c *collector, s blend.Struct, r *row) {
	ref := r.reference(s)
	ref.Kind = KindMovie
	if s.Int("source") == clipSequence {
		ref.Kind, ref.Form = KindSequence, FormSequence
		_, name := splitPath(ref.Path)
		if n, ok := lastNumber(name); ok { // the frame that the clip begins with (get_sequence_filepath)
			first, _ := n.match(name, place.Rules{})
			c.frames.now = append(c.frames.now, frameTarget{FrameUse{
				Mode: framesFilm, Start: int(s.Int("start_frame")), Count: int(s.Int("len")), Offset: first - 1 + int(s.Int("frame_offset")),
			}, c.d.Old})
		}
	}
	c.add(ref)

	flag := s.Int("flag")
	if flag&clipUseProxy == 0 || ref.Path == "" {
		return
	}
	folder, name := splitPath(ref.Path)
	proxies := Reference{
		Field: "MovieClip.proxy", Kind: KindCache, Form: FormProxies, Optional: true,
		Path: joinName(joinName(folder, proxyFolder), name),
	}
	if custom := string(s.Bytes("proxy.dir")); flag&clipProxyCustomDir != 0 && custom != "" {
		proxies.Field = "MovieClipProxy.dir"
		proxies.Path = joinName(custom, name)
		proxies.Parts = []Part{pathPart(s, "proxy.dir", RoleFolder)}
	}
	c.add(proxies)
}
