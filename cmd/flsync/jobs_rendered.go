package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/flamenco/api"
	"github.com/flsync/flsync/internal/report"
)

func (a *app) jobsLastRenderedCommand() *cobra.Command {
	var out string
	var noSave bool
	cmd := a.managed(&cobra.Command{
		Use: "last-rendered [JOB]", Short: "Save the last picture that was rendered, of a job or of all",
		Args:    cobra.MaximumNArgs(1),
		Example: "  flsync jobs last-rendered sh010 -o sh010.jpg",
	}, func(ctx context.Context, m *link, args []string) error {
		segments := []string{"jobs", "last-rendered"}
		name := "last-rendered"
		if len(args) == 1 {
			chosen, err := a.chooseOne(args[0], jobKind.chooser(ctx, m))
			if err != nil {
				return err
			}
			segments = []string{"jobs", chosen.id, "last-rendered"}
			name = short(chosen.id) + "-" + name
		}
		info, err := fetch[api.JobLastRenderedImageInfo](ctx, m, segments...)
		if err != nil {
			return err
		}
		if info.raw == nil || len(info.v.Suffixes) == 0 {
			return errors.New("nothing was rendered yet")
		}
		// The first suffix is the largest picture.
		address := strings.TrimSuffix(info.v.Base, "/") + "/" + info.v.Suffixes[0]
		if a.json {
			if err := a.printJSON(info.raw); err != nil {
				return err
			}
		} else {
			fmt.Fprintln(a.stdout, oneLine(strings.TrimSuffix(m.URL(), "/")+"/"+strings.TrimPrefix(address, "/")))
		}
		if noSave {
			return nil
		}
		saved, err := download(ctx, m, address, out, name)
		if err != nil {
			return err
		}
		a.remark("saved as %s", saved)
		return nil
	})
	cmd.Flags().StringVarP(&out, "output", "o", "", "`FILE` to save it as")
	cmd.Flags().BoolVar(&noSave, "no-save", false, "only print the URL")
	return cmd
}

// maxRendered bounds a picture that the Manager serves; its largest ones have some hundred KB.
const maxRendered = 100 << 20

// download saves a picture that the Manager serves and returns the name of its file: file, else stem with an
// extension. The extension follows from the contents, and only JPEG and PNG are taken, so that a Manager
// cannot choose what kind of file lies in somebody's working folder. Only a whole picture replaces a file
// that is there.
func download(ctx context.Context, m *link, address, file, stem string) (saved string, err error) {
	body, _, err := m.Download(ctx, address)
	if err != nil {
		return "", err
	}
	defer body.Close()
	in := bufio.NewReader(body)
	head, err := in.Peek(512) // what DetectContentType looks at
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	extension, ok := map[string]string{"image/jpeg": ".jpg", "image/png": ".png"}[http.DetectContentType(head)]
	if !ok {
		return "", errors.New("what the Manager sent is neither a JPEG nor a PNG picture; it is not saved")
	}
	saved = cmp.Or(file, stem+extension)
	part, err := os.Create(saved + ".part")
	if err != nil {
		return "", err
	}
	n, err := io.Copy(part, io.LimitReader(in, maxRendered+1))
	if err == nil && n > maxRendered {
		err = fmt.Errorf("the picture is larger than %s; it is not saved", report.Bytes(maxRendered))
	}
	if err = errors.Join(err, part.Close()); err != nil {
		return "", errors.Join(err, os.Remove(part.Name()))
	}
	return saved, os.Rename(part.Name(), saved)
}
