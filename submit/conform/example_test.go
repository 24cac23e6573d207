package conform_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/flsync/flsync/submit/conform"
)

func Example() {
	dir, err := os.MkdirTemp("", "conform")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "sh010.blend"), nil, 0o600); err != nil {
		panic(err)
	}

	edl := strings.NewReader("001  SH010  V  C  01:00:00:10 01:00:02:10 00:00:00:00 00:00:02:00\n* FROM CLIP NAME: sq010_sh010_v003\n")
	edit, err := conform.Read("cut.edl", edl, conform.Options{Rate: 24})
	if err != nil {
		panic(err)
	}
	first := 1001
	plan, err := conform.Plan(edit, conform.Rules{Map: "{shot}.blend", Project: dir, MediaStart: "01:00:00:00", FirstFrame: &first, Handles: 8})
	if err != nil {
		panic(err)
	}
	for _, shot := range plan.Shots {
		fmt.Println(shot.Blend, shot.Frames, shot.From[0].RecordIn)
	}
	// Output: sh010.blend 1003-1066 00:00:00:00
}
