package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	"github.com/spf13/cobra"

	"github.com/longshore-project/longshore/agent"
	"github.com/longshore-project/longshore/api"
	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/dispatch"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/mail"
	"github.com/longshore-project/longshore/progress"
	"github.com/longshore-project/longshore/schedule"
	"github.com/longshore-project/longshore/script"
	"github.com/longshore-project/longshore/storage"
)

// server is a running control plane with its two listeners and its local agent.
type server struct {
	app        core.App
	logger     *slog.Logger
	localAgent bool
	hooksDir   string // as named; empty for the default

	people   net.Listener // browsers and programs
	machines net.Listener // agents
	agents   *http.Server
	store    storage.Store
	api      *api.API
	dispatch *dispatch.Dispatcher
	schedule *schedule.Scheduler
	mailer   *mail.Mailer
	meter    *hooks.Meter // of what the local store delivers
	scripts  *script.Scripts
	stop     context.CancelFunc
	running  sync.WaitGroup // the local agent
	end      sync.Once
	ended    chan struct{} // closed when all has ended in order
}

func newServeCommand(app core.App) *cobra.Command {
	var httpAddr, agentsAddr, localAgent, hooksDir string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the control plane, with a local agent",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if localAgent != "local" && localAgent != "none" {
				return usageError{fmt.Errorf("--agent is %q: it must be local or none", localAgent)}
			}
			s := &server{app: app, logger: newLogger(), localAgent: localAgent == "local", hooksDir: hooksDir, ended: make(chan struct{})}
			return s.run(cmd.Context(), httpAddr, agentsAddr)
		},
	}
	cmd.Flags().StringVar(&httpAddr, "http", "127.0.0.1:8090", "`address` for browsers and programs")
	cmd.Flags().StringVar(&agentsAddr, "agents", "127.0.0.1:0", "`address` for agents; loopback only")
	cmd.Flags().StringVar(&localAgent, "agent", "local", "`local` runs an agent in this process, none does not")
	cmd.Flags().StringVar(&hooksDir, "hooksDir", "", "`folder` of hook scripts, *.pb.js (default DIR/pb_hooks)")
	return cmd
}

func (s *server) run(ctx context.Context, httpAddr, agentsAddr string) error {
	lock, err := lockFolder(s.app.DataDir())
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := s.listen(ctx, httpAddr, agentsAddr); err != nil {
		return err
	}
	defer s.people.Close()
	defer s.machines.Close()
	if err := s.wire(); err != nil {
		return err
	}
	s.app.OnServe().BindFunc(s.onServe)
	s.app.OnTerminate().BindFunc(func(e *core.TerminateEvent) error {
		s.end.Do(s.shutdown)
		return e.Next()
	})
	err = apis.Serve(s.app, apis.ServeConfig{HttpAddr: httpAddr, AllowedOrigins: []string{s.publicURL()}})
	if err != nil {
		return err
	}
	<-s.ended // the listener for agents and the folder's lock are needed until then
	return nil
}

// listen opens both listeners first: a port that is taken fails before anything else begins.
func (s *server) listen(ctx context.Context, httpAddr, agentsAddr string) (err error) {
	if err := loopbackOnly(agentsAddr); err != nil {
		return usageError{err}
	}
	if _, _, err := net.SplitHostPort(httpAddr); err != nil {
		return usageError{fmt.Errorf("--http: %w", err)}
	}
	var config net.ListenConfig
	if s.people, err = config.Listen(ctx, "tcp", httpAddr); err != nil {
		return err
	}
	if s.machines, err = config.Listen(ctx, "tcp", agentsAddr); err != nil {
		s.people.Close()
	}
	return err
}

// loopbackOnly holds until agents speak mutual TLS: plain HTTP never leaves the machine.
func loopbackOnly(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("--agents: %w", err)
	}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return fmt.Errorf("--agents is %s: agents speak plain HTTP, so the address must be a loopback one", addr)
}

func (s *server) wire() (err error) {
	secret, err := hooks.LoadSecret(s.app.DataDir())
	if err != nil {
		return err
	}
	s.meter = hooks.NewMeter(s.app, time.Now)
	if s.store, err = openStore(s.app, s.agentsURL, s.publicURL, s.meter.Served); err != nil {
		return err
	}
	board := progress.NewBoard()
	s.schedule = schedule.New(s.app, s.logger)
	s.dispatch, err = dispatch.New(dispatch.Config{
		App: s.app, Store: s.store, Board: board, Secret: secret, Now: time.Now, Logger: s.logger, Schedule: s.schedule,
	})
	if err != nil {
		return err
	}
	linkTTL, err := linkTTL(os.Getenv("LONGSHORE_LINK_TTL"))
	if err != nil {
		return usageError{err}
	}
	registration, err := registration(os.Getenv("LONGSHORE_REGISTRATION"))
	if err != nil {
		return usageError{err}
	}
	s.mailer = mail.New(s.app, mail.Config{PublicURL: s.publicURL(), Logger: s.logger})
	s.api, err = api.Bind(s.app, api.Config{
		Board: board, Store: s.store, Dispatch: s.dispatch, Schedule: s.schedule, Local: s.localStore(), Secret: secret, LinkTTL: linkTTL,
		PublicURL: s.publicURL(), AllowedHosts: splitList(os.Getenv("LONGSHORE_ALLOWED_HOSTS")),
		Proxies: splitList(os.Getenv("LONGSHORE_TRUSTED_PROXIES")),
		Version: version, Logger: s.logger, Registration: registration, Turnstile: api.Turnstile{
			SiteKey: os.Getenv("LONGSHORE_TURNSTILE_SITE_KEY"), SecretKey: os.Getenv("LONGSHORE_TURNSTILE_SECRET_KEY"),
			VerifyURL: os.Getenv("LONGSHORE_TURNSTILE_VERIFY_URL"),
		},
	})
	if err != nil {
		return usageError{err}
	}
	if err := s.loadScripts(); err != nil {
		return err
	}
	if err := s.scheduleOwn(); err != nil {
		return err
	}
	s.agents = &http.Server{
		Handler: api.AgentRoutes(s.dispatch, s.localStore()), ReadHeaderTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(s.logger.Handler(), slog.LevelWarn),
	}
	return nil
}

// scheduleOwn adds what belongs to no package of its own.
func (s *server) scheduleOwn() error {
	// Objects may be larger than all else together, and what an agent has it fetches again.
	schedule.ExcludeFromBackups(s.app, "store", "agent")
	s.schedule.Every("usage", hooks.MeterInterval, func(context.Context) error { return s.meter.Flush() })
	if err := s.schedule.Add("retention", "*/5 * * * *", s.retain); err != nil {
		return err
	}
	if err := s.schedule.Add("mails", "47 * * * *", s.mailer.Sweep); err != nil {
		return err
	}
	return s.schedule.Add("backup", "30 3 * * *", func(ctx context.Context) error { return schedule.Backup(ctx, s.app, time.Now()) })
}

// retain removes what plans no longer keep.
func (s *server) retain(ctx context.Context) error {
	report, err := hooks.RunRetention(ctx, s.app, time.Now())
	if report != (hooks.Report{}) {
		s.logger.Info("retention", "warned", report.Warned, "expired", report.Expired)
	}
	return err
}

// localStore answers the handler of signed local URLs, nil when the store is S3.
func (s *server) localStore() http.Handler {
	if local, ok := s.store.(*storage.Local); ok {
		return local
	}
	return nil
}

// onServe runs once PocketBase has migrated and bound the listener.
func (s *server) onServe(e *core.ServeEvent) error {
	e.Listener = s.people
	if err := e.Next(); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	if err := s.dispatch.Start(ctx); err != nil {
		return err
	}
	if err := s.schedule.Start(); err != nil {
		return err
	}
	s.mailer.Start(ctx)
	go s.serveAgents()
	if err := os.WriteFile(agentsURLFile(s.app.DataDir()), []byte(s.agentsURL()), 0o600); err != nil {
		return err
	}
	if err := s.startLocalAgent(ctx); err != nil {
		return err
	}
	s.greet()
	return nil
}

func (s *server) serveAgents() {
	if err := s.agents.Serve(s.machines); !errors.Is(err, http.ErrServerClosed) {
		s.logger.Error("the listener for agents ended", "error", err)
	}
}

// startLocalAgent runs an agent over the same code and routes as any other one.
func (s *server) startLocalAgent(ctx context.Context) error {
	if !s.localAgent {
		return nil
	}
	dir := filepath.Join(s.app.DataDir(), "agent")
	a, err := agent.New(agent.Config{
		Server: s.agentsURL(), MintToken: s.localToken, Listen: "127.0.0.1:0", Dir: dir, Slots: defaultSlots,
		Link: s.localStore() != nil, Engines: builtInEngines(dir, s.logger), Version: version, Logger: s.logger,
	})
	if err != nil {
		return err
	}
	s.running.Go(func() {
		if err := a.Run(ctx); err != nil && ctx.Err() == nil {
			s.logger.Error("the local agent ended", "error", err)
		}
	})
	return nil
}

func (s *server) localToken() (string, error) { return dispatch.NewAgentToken(s.app, true, time.Hour) }

// shutdown ends the agent first, so that its last report is still heard.
func (s *server) shutdown() {
	defer close(s.ended)
	if s.stop == nil {
		return
	}
	s.stop()
	s.running.Wait()
	if err := s.agents.Close(); err != nil {
		s.logger.Warn("the listener for agents did not close", "error", err)
	}
	s.dispatch.Stop()
	s.schedule.Stop()
	s.mailer.Stop()
	if err := s.meter.Flush(); err != nil {
		s.logger.Error("delivered bytes could not be written", "error", err)
	}
	s.endScripts()
	os.Remove(agentsURLFile(s.app.DataDir()))
}

func (s *server) greet() {
	fmt.Printf("Longshore runs at %s\n", s.publicURL())
	if link := s.api.SetupURL(); link != "" {
		fmt.Printf("\nFirst start: open this link once to make the first admin\n\n    %s\n\n", link)
	}
}

func (s *server) agentsURL() string { return "http://" + s.machines.Addr().String() }

// publicURL answers LONGSHORE_PUBLIC_URL, else http and the address that --http stands for.
func (s *server) publicURL() string {
	if url := os.Getenv("LONGSHORE_PUBLIC_URL"); url != "" {
		return strings.TrimSuffix(url, "/")
	}
	addr := s.people.Addr().(*net.TCPAddr)
	if addr.IP.IsUnspecified() {
		return fmt.Sprintf("http://localhost:%d", addr.Port)
	}
	return "http://" + addr.String()
}

// linkTTL reads the life of signed links; 0 means the default.
func linkTTL(value string) (time.Duration, error) {
	if value == "" {
		return 0, nil
	}
	ttl, err := time.ParseDuration(value)
	if err != nil || ttl < time.Second || ttl > collections.MaxDeliveryLinkTTL {
		return 0, fmt.Errorf("LONGSHORE_LINK_TTL is %q: it must be a duration from a second to 168h, such as 6h", value)
	}
	return ttl, nil
}

// registration reads who may register; empty leaves it to the settings.
func registration(value string) (collections.Registration, error) {
	kind := collections.Registration(value)
	if value != "" && !slices.Contains(collections.Registrations(), kind) {
		return "", fmt.Errorf("LONGSHORE_REGISTRATION is %q: it must be open, invite or closed", value)
	}
	return kind, nil
}

func splitList(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}
