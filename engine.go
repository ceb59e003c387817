package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/longshore-project/longshore/engines/anacrolix"
	"github.com/longshore-project/longshore/plugins"
)

// engineNames lists the engines inside the binary, the default first.
var engineNames = []string{"anacrolix"}

// newEngineCommand is what an agent starts as a subprocess; people never call it.
func newEngineCommand() *cobra.Command {
	return &cobra.Command{
		Use:       "engine NAME",
		Short:     "Be a torrent engine (started by an agent)",
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: engineNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			engine, err := anacrolix.New(anacrolix.ConfigFromEnv())
			if err != nil {
				return fmt.Errorf("engine %s: %w", args[0], err)
			}
			plugins.Serve(engine)
			return nil
		},
	}
}
