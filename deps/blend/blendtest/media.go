package blendtest

import (
	"path"
	"strings"
)

// Media returns a few bytes with which a file of that name may begin; "x" for what has no signature.
func Media(name string) []byte {
	start := map[string]string{
		".png": "\x89PNG\r\n\x1a\n", ".jpg": "\xff\xd8\xff\xe0", ".exr": "\x76\x2f\x31\x01", ".tif": "II*\x00", ".hdr": "#?RADIANCE\n",
		".mov": "\x00\x00\x00\x14ftypqt  ", ".mp4": "\x00\x00\x00\x20ftypisom", ".mkv": "\x1a\x45\xdf\xa3", ".avi": "RIFF\x10\x00\x00\x00AVI ",
		".wav": "RIFF\x10\x00\x00\x00WAVE", ".mp3": "ID3\x04", ".ogg": "OggS", ".ttf": "\x00\x01\x00\x00", ".otf": "OTTO",
		".vdb": " BDV\x00\x00\x00\x00", ".abc": "Ogawa\xff\x00\x01", ".usdc": "PXR-USDC", ".bphys": "BPHYSICS", ".pc2": "POINTCACHE2\x00",
	}[strings.ToLower(path.Ext(name))]
	if start == "" {
		return []byte("x")
	}
	return []byte(start + strings.Repeat("\x00", 8))
}
