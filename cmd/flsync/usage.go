package main

import (
	"github.com/spf13/cobra"
)

// strict makes wrong usage an error of ours, all over the tree below c. Cobra itself is lenient with groups of commands, of
// which it shows the help whatever follows, and gives other mistakes no mark that an exit code could follow from.
func (a *app) strict(c *cobra.Command) {
	for _, sub := range c.Commands() {
		a.strict(sub)
	}
	if c.HasSubCommands() {
		c.DisableFlagsInUseLine = true
		c.RunE = func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("unknown command %q for %q; see %[2]s --help", args[0], c.CommandPath())
			}
			return c.Help()
		}
	}
	if body := c.RunE; body != nil {
		c.RunE = func(c *cobra.Command, args []string) error {
			a.understood = true
			return body(c, args)
		}
	}
}
