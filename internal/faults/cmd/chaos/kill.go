package main

import (
	"context"

	"github.com/flsync/flsync/internal/faults"
)

func (o options) kill(context.Context, *faults.Figures) error { return nil }
