package page

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flsync/flsync/internal/lab/long"
)

// frame holds the page, because a browser's own window has a least width. It has what look found in a text,
// which the browser's dump then shows.
const frame = `<!doctype html><pre id="look"></pre><script>onmessage = e => document.getElementById("look").textContent = e.data;</script>
<iframe src="page.html" style="width:%dpx; height:900px; border:0"></iframe>`

// look is what a browser makes of the page.
const look = `<script>
const errors = [];
const shown = e => e.getClientRects().length > 0;
const wide = document.documentElement.scrollWidth;
for (const e of document.querySelectorAll("h1, h2, .verdict, .tile, figure, .lane, p, li"))
  if (e.getBoundingClientRect().right > innerWidth + 1) errors.push("sticks out: " + e.tagName + " " + e.textContent.slice(0, 40));
for (const e of document.querySelectorAll(".verdict, .tile, figcaption, .stack td"))
  if (shown(e) && e.scrollWidth > e.clientWidth + 1) errors.push("is cut off: " + e.textContent.slice(0, 40));
for (const e of document.querySelectorAll("polyline")) {
  const curve = e.getBoundingClientRect(), box = e.ownerSVGElement.getBoundingClientRect();
  if (curve.width < box.width / 4 || curve.height < box.height / 2) errors.push("is flat: " + e.ownerSVGElement.getAttribute("aria-label"));
  if (curve.left < box.left - 2 || curve.right > box.right + 2 || curve.top < box.top - 2 || curve.bottom > box.bottom + 2)
    errors.push("leaves its box: " + e.ownerSVGElement.getAttribute("aria-label"));
}
addEventListener("load", () => parent.postMessage(JSON.stringify({
  inner: innerWidth, wide, errors,
  charts: [...document.querySelectorAll("figure")].filter(shown).map(e => e.querySelector("figcaption").innerText.replace(/\s+/g, " ")),
}), "*"));
</script>`

// TestInBrowser has a real browser lay out the page of a night with deferrals and retries, on a telephone and
// on a desk.
func TestInBrowser(t *testing.T) {
	long.Test(t)
	browser, err := exec.LookPath("chromium")
	required := os.Getenv("FLSYNC_REQUIRE_CHROMIUM") != ""
	if err != nil && required {
		t.Fatal(err)
	} else if err != nil {
		t.Skip("no chromium here")
	}
	run := night(t)
	run.Jobs[0].Name = strings.Repeat("a rather long name ", 5)
	run.Jobs[0].Checkout = strings.Repeat("averylongword", 10)
	var out bytes.Buffer
	if err := run.HTML(&out); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "page.html"), append(out.Bytes(), look...), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, width := range []int{390, 1280} {
		file := filepath.Join(dir, "frame.html")
		if err := os.WriteFile(file, fmt.Appendf(nil, frame, width), 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
			"--user-data-dir="+filepath.Join(dir, "profile"), "--virtual-time-budget=2000", "--dump-dom", "file://"+file)
		dump, err := cmd.Output()
		if err != nil && required {
			t.Fatal(err)
		} else if err != nil {
			t.Skipf("the browser does not run here: %v", err)
		}
		found := regexp.MustCompile(`<pre id="look">(.*)</pre>`).FindSubmatch(dump)
		if found == nil {
			t.Fatalf("the browser did not get to the end of the page:\n%s", dump)
		}
		var seen struct {
			Inner, Wide    int
			Errors, Charts []string
		}
		if err := json.Unmarshal([]byte(html.UnescapeString(string(found[1]))), &seen); err != nil {
			t.Fatal(err)
		}
		if seen.Inner != width {
			t.Errorf("the page was laid out %d wide, not %d", seen.Inner, width)
		}
		if seen.Wide > seen.Inner {
			t.Errorf("at %d the page is %d wide: it scrolls sideways", seen.Inner, seen.Wide)
		}
		for _, e := range seen.Errors {
			t.Errorf("at %d: %s", seen.Inner, e)
		}
		want := []string{"Stored a second, also by others up to 3.0 MiB/s", "Connections in use up to 4", "Put off so far 3 in all", "Tried again so far 1 in all"}
		if !slices.Equal(seen.Charts, want) {
			t.Errorf("at %d the charts are %q, want %q", seen.Inner, seen.Charts, want)
		}
	}
}
