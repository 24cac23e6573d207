package deps_test

import (
	"context"
	"fmt"
	"log"
	"path/filepath"

	"github.com/flsync/flsync/deps"
)

// A shot is traced: what it needs, and what keeps its frames from being right.
func Example() {
	tracer, err := deps.New(deps.Config{})
	if err != nil {
		log.Fatal(err)
	}
	trace, err := tracer.Trace(context.Background(), "../testdata/blend/54-holes/main.blend")
	if err != nil {
		log.Fatal(err)
	}
	scene := trace.Blend.Active()
	fmt.Println(scene.Name, scene.FrameStart, scene.FrameEnd)
	for _, l := range trace.Lacks {
		if l.Code == deps.LackHole && l.ID == "IMplain" {
			fmt.Println(l.Severity, filepath.Base(l.Path), l.Frames)
		}
	}
	// Output:
	// Scene 1 5
	// error p_0002.png 2-3
}
