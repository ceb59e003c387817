package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/plugins/migratecmd"
	"github.com/spf13/cobra"

	"github.com/longshore-project/longshore/api"
	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/dispatch"
	"github.com/longshore-project/longshore/doctor"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/storage"

	_ "github.com/longshore-project/longshore/pb_migrations"
)

// runControl is the control plane: PocketBase with our commands.
func runControl() error {
	dir := "pb_data"
	if fromEnv := os.Getenv(envName("dir")); fromEnv != "" {
		dir = fromEnv
	}
	pb := pocketbase.NewWithConfig(pocketbase.Config{
		DefaultDataDir: dir, HideStartBanner: true, DBConnect: hooks.Connect,
	})
	hooks.Bind(pb)
	root := pb.RootCmd
	root.Use, root.Short, root.Version = "longshore", "A self-hosted, multi-user remote download manager", version
	migratecmd.MustRegister(pb, root, migratecmd.Config{TemplateLang: migratecmd.TemplateLangGo})
	root.AddCommand(newServeCommand(pb), newUserCommand(pb), newAgentsCommand(pb), newDoctorCommand(pb),
		// For the help text only: run() takes these roles before PocketBase is made.
		newAgentCommand(), newEngineCommand())
	root.FParseErrWhitelist.UnknownFlags = false // PocketBase's own passes over them
	root.SetHelpCommand(nil)                     // and has none
	usable(root)
	if onlyHelps(root) {
		return root.Execute()
	}
	return pb.Execute()
}

// onlyHelps says whether the call names no command that does something: then no data folder is made.
func onlyHelps(root *cobra.Command) bool {
	root.InitDefaultHelpCmd()
	cmd, _, err := root.Find(os.Args[1:])
	return err == nil && (cmd.HasSubCommands() || cmd.Name() == "help")
}

func newUserCommand(app core.App) *cobra.Command {
	var role, plan, file string
	upsert := &cobra.Command{
		Use:   "upsert EMAIL",
		Short: "Create a verified user or change one; the password comes from standard input",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			password, err := readPassword(file)
			if err != nil {
				return err
			}
			if err := app.RunAllMigrations(); err != nil {
				return err
			}
			created, err := api.UpsertUser(app, args[0], password, collections.Role(role), collections.PlanName(plan))
			if collections.CodeOf(err) == collections.CodeInvalidInput {
				return usageError{err}
			}
			if err != nil {
				return err
			}
			fmt.Println(map[bool]string{true: "created", false: "updated"}[created], args[0])
			return nil
		},
	}
	upsert.Flags().StringVar(&role, "role", "", "`user or admin` (default user, or unchanged)")
	upsert.Flags().StringVar(&plan, "plan", "", "plan `name` (default free, or unchanged)")
	upsert.Flags().StringVar(&file, "password-file", "", "read the password from this `file` instead of standard input")
	cmd := &cobra.Command{Use: "user", Short: "Manage users"}
	cmd.AddCommand(upsert)
	return cmd
}

// readPassword takes the first line of the file, or of standard input.
func readPassword(file string) (string, error) {
	in := io.Reader(os.Stdin)
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return "", err
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, 4096))
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSuffix(line, "\r"), err
}

func newAgentsCommand(app core.App) *cobra.Command {
	token := &cobra.Command{
		Use:   "token",
		Short: "Print a one-time token with which an agent enrols; it holds for an hour",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := app.RunAllMigrations(); err != nil {
				return err
			}
			token, err := dispatch.NewAgentToken(app, false, time.Hour)
			if err != nil {
				return err
			}
			fmt.Println(token)
			if url, err := os.ReadFile(agentsURLFile(app.DataDir())); err == nil {
				fmt.Fprintf(os.Stderr, "Start the agent with: longshore agent --server %s --token TOKEN\n", url)
			}
			return nil
		},
	}
	cmd := &cobra.Command{Use: "agents", Short: "Manage agents"}
	cmd.AddCommand(token)
	return cmd
}

func newDoctorCommand(app core.App) *cobra.Command {
	var asJSON, deep bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check that everything that must hold does hold; exit code 0 when it does",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := app.RunAllMigrations(); err != nil {
				return err
			}
			store, err := openStore(app, unsigned, unsigned, nil)
			if err != nil {
				return err
			}
			serving, err := isServing(app.DataDir())
			if err != nil {
				return err
			}
			result, err := doctor.Run(cmd.Context(), app, store, doctor.Options{Deep: deep, Serving: serving})
			if err != nil {
				return err
			}
			return printDoctor(result, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&deep, "deep", false, "also read every complete file and compare it with its torrent's hashes")
	return cmd
}

// openStore opens the object store that the environment names. The two functions
// answer where parts are PUT and where people fetch from, and served is told what they fetch, for the local kind.
func openStore(app core.App, partURL, publicURL func() string, served func(account string, bytes int64)) (storage.Store, error) {
	secret, err := hooks.LoadSecret(app.DataDir())
	if err != nil {
		return nil, err
	}
	cfg, err := storage.ConfigFromEnv(os.Getenv)
	if err != nil {
		return nil, usageError{err}
	}
	cfg.Local = storage.LocalConfig{
		Dir: localStoreDir(app.DataDir()), Key: secret.Derive("storage links"),
		PartURL: partURL, PublicURL: publicURL, Now: time.Now, Served: served,
	}
	store, err := storage.Open(cfg)
	if err != nil && cfg.Kind != storage.KindLocal { // nothing was sent: the settings are wrong
		err = usageError{err}
	}
	return store, err
}

// unsigned is the URL of a command that signs nothing.
func unsigned() string { return "" }

func printDoctor(result doctor.Result, asJSON bool) error {
	var err error
	if asJSON {
		err = json.NewEncoder(os.Stdout).Encode(result)
	} else {
		err = result.Write(os.Stdout)
	}
	if err == nil && !result.OK() {
		err = errors.New("an invariant is broken")
	}
	return err
}
