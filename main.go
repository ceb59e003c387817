// Longshore is a self-hosted, multi-user remote download manager. One binary
// plays three roles: control plane (serve and the commands beside it), agent, and
// torrent engine.
package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// version is set at build time by the linker.
var version = "dev"

// Exit codes.
const (
	exitFailed   = 1
	exitWrongUse = 2
)

// usageError is a call that cannot be understood: exit code 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func main() { os.Exit(run(os.Args[1:])) }

// run picks the role before PocketBase is made: agent and engine never open its data folder.
func run(args []string) int {
	var err error
	switch role(args) {
	case "agent":
		err = execute(newAgentCommand(), args[1:])
	case "engine":
		err = execute(newEngineCommand(), args[1:])
	default:
		err = runControl()
	}
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, "longshore:", err)
	if wrongUse(err) {
		return exitWrongUse
	}
	return exitFailed
}

func role(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

func execute(cmd *cobra.Command, args []string) error {
	cmd.SetArgs(args)
	cmd.CompletionOptions.DisableDefaultCmd = true
	usable(cmd)
	return cmd.Execute()
}

// usable gives a command and those below it our errors, and flags their environment variables.
func usable(cmd *cobra.Command) {
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	if cmd.HasSubCommands() {
		cmd.RunE = helpOrUnknown
	}
	if check := cmd.Args; check != nil {
		cmd.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return usageError{err}
			}
			return nil
		}
	}
	before := cmd.PreRunE
	cmd.PreRunE = func(c *cobra.Command, args []string) error {
		if err := flagsFromEnv(c.Flags()); err != nil {
			return usageError{err}
		}
		if before != nil {
			return before(c, args)
		}
		return nil
	}
	for _, sub := range cmd.Commands() {
		usable(sub)
	}
}

// helpOrUnknown is what a command does that only has others below it.
func helpOrUnknown(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("unknown command %q for %q", args[0], cmd.CommandPath())}
	}
	return cmd.Help()
}

// flagsFromEnv gives each flag that was not set on the command line the value of its
// variable: --engine-dir is LONGSHORE_ENGINE_DIR, --hooksDir is LONGSHORE_HOOKS_DIR.
func flagsFromEnv(flags *pflag.FlagSet) error {
	var errs []error
	flags.VisitAll(func(f *pflag.Flag) {
		value, ok := os.LookupEnv(envName(f.Name))
		if !ok || f.Changed || f.Name == "help" {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", envName(f.Name), err))
		}
	})
	return errors.Join(errs...)
}

// envName: PocketBase's flags are written in camel case.
func envName(flag string) string {
	words := regexp.MustCompile("[A-Z]").ReplaceAllString(flag, "_$0")
	return "LONGSHORE_" + strings.ToUpper(strings.ReplaceAll(words, "-", "_"))
}

// wrongUse says whether the caller erred. Cobra has no type for an unknown command.
func wrongUse(err error) bool {
	var use usageError
	return errors.As(err, &use) || slices.ContainsFunc([]string{"unknown command", "unsupported command", "unknown flag", "unknown shorthand flag", "required flag"}, func(s string) bool {
		return strings.HasPrefix(err.Error(), s)
	})
}
