package baseline

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/flsync/flsync/bench/workload"
	"github.com/flsync/flsync/internal/lab/managertest"
)

func TestUpperAndSerialDoTheSame(t *testing.T) {
	tree := workload.Spec{Name: "tree", Groups: []workload.Group{
		{Dir: "small", Ext: ".x", Files: 50, Size: workload.LogNormal(2000, 1)},
		{Dir: "large", Ext: ".x", Files: 2, Size: workload.Fixed(1 << 20)},
		{Dir: "empty", Ext: ".x", Files: 1, Size: workload.Fixed(0)},
	}}
	root := t.TempDir()
	if err := tree.Create(t.Context(), root, 1); err != nil {
		t.Fatal(err)
	}
	files, err := tree.Manifest(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	_, bytes := tree.Totals()
	for _, serial := range []bool{false, true} {
		url, m := managertest.Embedded(t, t.TempDir())
		sync := func(name string) Outcome {
			t.Helper()
			var o Outcome
			var err error
			if serial {
				o, err = Serial(t.Context(), url, root, files, name)
			} else {
				o, err = Upper(t.Context(), url, root, files, 4, Whole, name)
			}
			if err != nil || o.Seconds <= 0 {
				t.Fatalf("serial %v: %+v, %v", serial, o, err)
			}
			for f := range tree.All() {
				want, _ := os.ReadFile(filepath.Join(root, f.Path))
				if got, err := os.ReadFile(filepath.Join(m.CheckoutDir(), name, f.Path)); err != nil || string(got) != string(want) {
					t.Fatalf("serial %v: %s in the checkout: %v", serial, f.Path, err)
				}
			}
			return o
		}
		if o := sync("first"); o.Files != len(files) || o.Bytes != bytes {
			t.Errorf("serial %v: first: %+v", serial, o)
		}
		if o := sync("second"); o.Files != 0 || o.Requests != 2 {
			t.Errorf("serial %v: second: %+v", serial, o)
		}
		if o, err := Upper(t.Context(), url, root, files, 1, CheckOnly, ""); err != nil || o.Requests != 1 {
			t.Errorf("check only: %+v, %v", o, err)
		}
		if o, err := Upper(t.Context(), url, root, files, 1, CheckoutOnly, "third"); err != nil || o.Requests != 1 {
			t.Errorf("checkout only: %+v, %v", o, err)
		}
	}
}

func TestBatch(t *testing.T) {
	url, _ := managertest.Embedded(t, t.TempDir())
	root := t.TempDir()
	batch := workload.Batch{Shots: 3}
	if err := batch.Create(t.Context(), root, 1); err != nil {
		t.Fatal(err)
	}
	shots, err := batch.Specs(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Batch(t.Context(), url, shots, 2, "too early"); err == nil {
		t.Error("checked out what nobody stored")
	}
	if _, err := Upper(t.Context(), url, root, union(shots), 4, UpToStore, ""); err != nil {
		t.Fatal(err)
	}
	o, err := Batch(t.Context(), url, shots, 2, "in time")
	if err != nil || o.Files != 3 || o.Requests != 1+3+3 {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestHash(t *testing.T) {
	root := t.TempDir()
	tree := workload.Textures(5)
	if err := tree.Create(t.Context(), root, 1); err != nil {
		t.Fatal(err)
	}
	_, bytes := tree.Totals()
	o, err := Hash(t.Context(), root)
	if err != nil || o.Files != 5 || o.Bytes != bytes || o.Seconds <= 0 {
		t.Errorf("%+v, %v", o, err)
	}
}

// Of the files one in so many is sent.
func TestSerialShares(t *testing.T) {
	url, _ := managertest.Embedded(t, t.TempDir())
	root := t.TempDir()
	tree := workload.SmallFiles(10)
	if err := tree.Create(t.Context(), root, 1); err != nil {
		t.Fatal(err)
	}
	files, err := tree.Manifest(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(t.TempDir(), "list.json")
	data, err := json.Marshal(files)
	if err := errors.Join(err, os.WriteFile(list, data, 0o600)); err != nil {
		t.Fatal(err)
	}
	o, err := Work{Kind: "serial", URL: url, Root: root, List: list, Shares: 4, Name: "share"}.Run(t.Context())
	if err != nil || o.Files != 3 {
		t.Errorf("%+v, %v", o, err)
	}
}
