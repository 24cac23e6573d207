package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"github.com/flsync/flsync/flamenco/api"
)

func (a *app) jobsLastRenderedCommand() *cobra.Command {
	var out string
	var noSave bool
	cmd := &cobra.Command{
		Use: "last-rendered [JOB]", Short: "Save the last picture that was rendered, of a job or of all",
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: a.completeJobs,
		Example: "  flsync jobs last-rendered sh010 -o sh010.jpg",
		RunE: a.withManager(func(ctx context.Context, m *link, args []string) error {
			segments := []string{"jobs", "last-rendered"}
			name := "last-rendered"
			if len(args) == 1 {
				chosen, err := a.chooseOne(args[0], jobChooser(ctx, m))
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
				if err := a.printRaw(info.raw); err != nil {
					return err
				}
			} else {
				fmt.Fprintln(a.stdout, oneLine(strings.TrimSuffix(m.URL(), "/")+"/"+strings.TrimPrefix(address, "/")))
			}
			if noSave {
				return nil
			}
			if out == "" {
				out = name + path.Ext(address)
			}
			if err := download(ctx, m, address, out); err != nil {
				return err
			}
			a.remark("saved as " + out)
			return nil
		}),
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "`FILE` to save it as")
	cmd.Flags().BoolVar(&noSave, "no-save", false, "only print the URL")
	return cmd
}

// download saves a file that the Manager serves. An existing file is replaced only by a whole new one.
func download(ctx context.Context, m *link, address, file string) (err error) {
	body, _, err := m.Download(ctx, address)
	if err != nil {
		return err
	}
	defer body.Close()
	part, err := os.Create(file + ".part")
	if err != nil {
		return err
	}
	_, err = io.Copy(part, body)
	if err = errors.Join(err, part.Close()); err != nil {
		return errors.Join(err, os.Remove(part.Name()))
	}
	return os.Rename(part.Name(), file)
}
