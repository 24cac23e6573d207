package conform

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"

	"github.com/flsync/flsync/internal/pattern"
)

// otioTrack is a timeline of one track with these children; an X in their ranges is RationalTime at 24 frames
// a second.
func otioTrack(children ...string) string {
	for i, c := range children {
		children[i] = anyTime().ReplaceAllString(c, `{"OTIO_SCHEMA":"RationalTime.1","value":$1,"rate":24}`)
	}
	return `{"OTIO_SCHEMA":"Timeline.1","tracks":{"OTIO_SCHEMA":"Stack.1","children":[{"OTIO_SCHEMA":"Track.1","kind":"Video","children":[` +
		strings.Join(children, ",") + `]}]}}`
}

var anyTime = pattern.Lazy(`X(\d+)`)

// otioClip is a clip of a second from a frame on, of media from another one.
func otioClip(name string, start int, url string, media int) string {
	return fmt.Sprintf(`{"OTIO_SCHEMA":"Clip.1","name":%q,"source_range":{"start_time":X%d,"duration":X24},
		"media_reference":{"OTIO_SCHEMA":"ExternalReference.1","target_url":%q,"available_range":{"start_time":X%d,"duration":X52}}}`, name, start, url, media)
}

const (
	edlSecond = "  00:00:00:00 00:00:01:00\n"
	xmemlHead = `<xmeml><sequence id="s"><rate><timebase>24</timebase></rate><media><video><track>`
	xmemlTail = `</track></video></media></sequence></xmeml>`
)

func xmemlItem(id, name, file string) string {
	return `<clipitem id="` + id + `"><name>` + name + `</name><start>0</start><end>24</end><in>10</in><out>34</out><file id="f` + id + `">` + file + `</file></clipitem>`
}

// Forms of editing systems, each with the only blend files that there are and the frames that must come out.
func TestForms(t *testing.T) {
	latin, err := charmap.Windows1252.NewEncoder().String("001 AX V C 00:00:00:00 00:00:01:00" + edlSecond + "* FROM CLIP NAME: SH–010\n")
	if err != nil {
		t.Fatal(err)
	}
	wide := strings.Join(strings.Split("001 AX V C 00:00:00:00 00:00:01:00"+edlSecond, ""), "\x00") + "\x00"
	tests := []struct {
		name, file, text string
		args             []string
		want             map[string]string
		problems         int
		note             string
	}{
		{"lower case", "a.edl", "fcm: drop frame\n001 AX V C 00:00:10:00 00:00:11:00" + edlSecond + "* From Clip Name: A\n", nil, map[string]string{"A": "300-329"}, 0, ""},
		{"black in any case", "a.edl", "001 Black V C 00:00:00:00 00:00:01:00" + edlSecond + "002 A V C 00:00:00:00 00:00:01:00" + edlSecond, nil, map[string]string{"A": "0-23"}, 0, ""},
		{"files after names", "a.edl", `001 AX V C 00:00:00:00 00:00:02:00 00:00:00:00 00:00:02:00
* FROM CLIP NAME: one
* SOURCE FILE: A.mov
002 AX V C 00:00:02:00 00:00:02:00 00:00:02:00 00:00:02:00
002 AX V D 012 00:00:10:00 00:00:12:00 00:00:02:00 00:00:04:00
* FROM CLIP NAME: one
* TO CLIP NAME: two
* SOURCE FILE: A.mov
* SOURCE FILE: B.mov
`, []string{"--map", "{file.stem}.blend"}, map[string]string{"A": "0-59", "B": "240-287"}, 0, ""},
		{"the speed of picture and sound", "a.edl", "001 AX V C 00:00:10:00 00:00:11:00" + edlSecond + "001 AX A C 00:00:10:00 00:00:11:00" + edlSecond +
			"M2   AX       048.0                00:00:10:00\n* FROM CLIP NAME: A\n002 AX A C 00:00:10:00 00:00:11:00" + edlSecond + "002 AX V C 00:00:10:00 00:00:11:00" + edlSecond +
			"* FROM CLIP NAME: B FF\n* * FREEZE FRAME\n", nil, map[string]string{"A": "240-287", "B": "240"}, 0, ""},
		{"UTF-16 without a mark", "a.edl", wide, nil, map[string]string{"AX": "0-23"}, 0, ""},
		{"Windows-1252", "a.edl", latin, nil, map[string]string{"SH–010": "0-23"}, 0, ""},
		{"images' numbers as timecode", "a.edl", "001 AX V C 00:00:42:07 00:00:43:07" + edlSecond + "* FROM CLIP NAME: A.[1005-1056].exr\n", nil, map[string]string{"A": "1015-1038"}, 0, ""},
		{"images from 0", "a.edl", "001 AX V C 00:00:00:10 00:00:01:10" + edlSecond + "* FROM CLIP NAME: A\n* SOURCE FILE: /r/x.[1005-1056].exr\n", nil, map[string]string{"A": "1015-1038"}, 0, ""},
		{"images from an hour", "a.edl", "001 AX V C 10:00:00:10 10:00:01:10" + edlSecond + "* FROM CLIP NAME: A.[1005-1056].exr\n", nil, map[string]string{"A": "1015-1038"}, 0, ""},
		{"images from an hour, dropped", "a.edl", "FCM: DROP FRAME\n001 AX V C 01:00:00;10 01:00:01;10" + edlSecond + "* FROM CLIP NAME: A.[1005-1056].exr\n", nil, map[string]string{"A": "1015-1044"}, 0, ""},
		{"images at some time of day", "a.edl", "001 AX V C 10:13:20:00 10:13:21:00" + edlSecond + "* FROM CLIP NAME: A.[1005-1056].exr\n", nil, map[string]string{"A": "883200-883223"}, 0, "timecode"},
		{"escaped brackets", "a.otio", otioTrack(otioClip("A", 86410, "file:///r/x.%5B1005-1056%5D.exr", 86400)), nil, map[string]string{"A": "1015-1038"}, 0, ""},
		{"images named by the clip", "a.otio", otioTrack(otioClip("A.[1005-1056].exr", 86410, "", 86400)), nil, map[string]string{"A": "1015-1038"}, 0, ""},
		{"Houdini's numbers", "a.otio", otioTrack(otioClip("", 1011, "/r/A_$F4.exr", 1001)), nil, map[string]string{"A": "1011-1034"}, 0, ""},
		{"a width in a URL", "a.otio", otioTrack(otioClip("", 1011, "file:///r/my%20shots/A%20B.%04d.exr", 1001)), nil, map[string]string{"A B": "1011-1034"}, 0, ""},
		{"a clip named as its file", "a.otio", otioTrack(otioClip("A.mov", 10, "A.mov", 0)), nil, map[string]string{"A": "10-33"}, 0, ""},
		{"a transition at the head", "a.otio", otioTrack(`{"OTIO_SCHEMA":"Transition.1","in_offset":X6,"out_offset":X6}`, otioClip("A", 10, "A.mov", 0)), nil, map[string]string{"A": "4-33"}, 0, ""},
		{"a generator", "a.otio", otioTrack(otioClip("A", 10, "A.mov", 0), `{"OTIO_SCHEMA":"Clip.1","name":"lines","source_range":{"start_time":X0,"duration":X24},
			"media_reference":{"OTIO_SCHEMA":"GeneratorReference.1"}}`), nil, map[string]string{"A": "10-33"}, 0, "generated"},
		{"generated media", "a.xml", xmemlHead + xmemlItem("1", "A", "") + xmemlItem("2", "words", "<mediaSource>GraphicAndType</mediaSource>") +
			xmemlItem("3", "Adjustment Layer", "") + xmemlTail, nil, map[string]string{"A": "10-33"}, 0, "generated"},
		{"a clip named by its file alone", "a.xml", xmemlHead + xmemlItem("1", "", "<name>A.mov</name>") + xmemlTail, nil, map[string]string{"A": "10-33"}, 0, ""},
		{"timecode as text", "a.xml", xmemlHead + xmemlItem("1", "A", `<duration>99</duration><timecode><string>00:00:10:00</string></timecode>`) + xmemlTail, nil, map[string]string{"A": "250-273"}, 0, ""},
		{"points that are not set", "a.xml", strings.Replace(xmemlHead+xmemlItem("1", "A", "")+xmemlTail, "<in>10</in><out>34</out>", "<in>-1</in><out>-1</out>", 1), nil, map[string]string{"A": "0-23"}, 0, ""},
		{"auditions and sound", "a.fcpxml", `<fcpxml><resources><format id="f" frameDuration="1/24s"/><asset id="a" src="A.mov" duration="9s" hasVideo="1" format="f"/></resources>
			<project><sequence format="f"><spine><audition offset="0s"><asset-clip ref="a" name="A" start="1s" duration="1s"/><asset-clip ref="a" name="B" duration="1s"/></audition>
			<asset-clip ref="a" name="C" offset="1s" duration="1s" srcEnable="audio"/></spine></sequence></project></fcpxml>`, nil, map[string]string{"A": "24-47"}, 0, ""},
		{"frames in one column", "a.csv", "Shot,Frames\nA,1001-1048\nB,1001 - 1024\n", nil, map[string]string{"A": "1001-1048", "B": "1001-1024"}, 0, ""},
		{"numbers of spreadsheets", "a.csv", "name;in;out;fps\nA;1001,0;1048,0;24 fps\nB;1,001;1,024;24000/1001\n", []string{"--fps", "24"}, map[string]string{"A": "1001-1048", "B": "1002-1026"}, 0, ""},
		{"a rate that is none", "a.csv", "name,in,out,fps\nA,1001,1048,24\nB,1001,1024,fast\n", nil, map[string]string{"A": "1001-1048"}, 1, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			edit, err := Read(test.file, strings.NewReader(test.text), Options{})
			if err != nil {
				t.Fatal(err)
			}
			project := t.TempDir()
			for name := range test.want {
				if err := os.WriteFile(filepath.Join(project, name+".blend"), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			rules := Rules{Map: "{name}.blend", Project: project}
			for i := 0; i+1 < len(test.args); i += 2 {
				switch test.args[i] {
				case "--map":
					rules.Map = test.args[i+1]
				case "--fps":
					rules.FPS = 24
				}
			}
			plan, err := Plan(edit, rules)
			if err != nil {
				t.Fatal(err)
			}
			got := make(map[string]string)
			for _, s := range plan.Shots {
				got[s.Name] = s.Frames.String()
			}
			if diff := cmp.Diff(test.want, got); diff != "" || len(plan.Problems) != test.problems {
				t.Errorf("%s\nproblems %v, want %d", diff, plan.Problems, test.problems)
			}
			var codes []string
			for _, n := range plan.Notes {
				codes = append(codes, n.Code)
			}
			if !strings.Contains(strings.Join(codes, " "), test.note) || test.note == "" && len(codes) > 0 {
				t.Errorf("notes %v, want %q", plan.Notes, test.note)
			}
		})
	}
}

// An edit that shows only what the editing system makes itself is one without picture.
func TestOnlyGenerated(t *testing.T) {
	edit, err := Read("a.edl", strings.NewReader("001 AX V C 00:00:00:00 00:00:01:00"+edlSecond+"* FROM CLIP NAME: Black Video\n"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if plan, err := Plan(edit, Rules{Map: "{name}.blend", Project: t.TempDir()}); err == nil {
		t.Error(plan)
	}
}
