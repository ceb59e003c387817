package api

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/api/wire"
	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/dispatch"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/pb_public"
	"github.com/longshore-project/longshore/progress"
	"github.com/longshore-project/longshore/schedule"
	"github.com/longshore-project/longshore/storage"
)

const (
	defaultLinkTTL    = 6 * time.Hour
	readHeaderTimeout = 10 * time.Second
	maxHeaderBytes    = 64 << 10
)

// Config is what the HTTP surface needs. Board, Store, Schedule, Secret and PublicURL are required.
type Config struct {
	Board        *progress.Board
	Store        storage.Store
	Dispatch     *dispatch.Dispatcher // what it hears of agents is shown to admins; nil without one
	Schedule     *schedule.Scheduler  // shown to admins; the caller starts and stops it
	Local        http.Handler         // serves /storage/; nil when the store is elsewhere
	Secret       hooks.Secret
	PublicURL    string                   // scheme and host as browsers see them
	AllowedHosts []string                 // beside IP literals, localhost and the public URL's host
	Proxies      []string                 // networks and addresses whose X-Forwarded-For is believed
	Registration collections.Registration // who may register, whatever the settings say; the settings decide when empty
	Turnstile    Turnstile                // the captcha; none when empty
	LinkTTL      time.Duration            // of signed URLs for people; 6 h when zero, at most 7 days
	Version      string
	Ready        func(context.Context) error // what /readyz asks beside database and store; may be nil
	Web          fs.FS                       // the built web app; the embedded one when nil
	Now          func() time.Time            // time.Now when nil
	Logger       *slog.Logger                // slog.Default() when nil
}

// API is the HTTP surface of a control plane.
type API struct {
	Config
	app       core.App
	public    *url.URL
	spec      *spec
	hosts     hosts
	csrfKey   []byte
	crossSite *http.CrossOriginProtection
	proxies   proxies
	policy    string // the app's Content-Security-Policy
	choices   *choices
	limits    *limits
	traffic   *traffic
	nobody    nobody
	setup     *setup
	readiness readiness
	health    kept[wire.SystemHealth]
	storage   kept[storageSums]
}

// Bind registers routes, guards and realtime in app's hooks. It is called once, before the app serves, and takes
// effect when the app serves; hooks.Bind is the caller's.
func Bind(app core.App, cfg Config) (*API, error) {
	public, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	spec, err := loadSpec()
	if err != nil {
		return nil, err
	}
	trusted, err := parseProxies(cfg.Proxies)
	if err != nil {
		return nil, err
	}
	a := &API{
		Config: cfg, app: app, public: public, spec: spec, hosts: newHosts(public.Hostname(), cfg.AllowedHosts),
		csrfKey: cfg.Secret.Derive("csrf"), crossSite: http.NewCrossOriginProtection(),
		setup: &setup{token: rand.Text()}, proxies: trusted, policy: contentPolicy(cfg.Store.PublicOrigin(), cfg.Turnstile.SiteKey != ""),
		choices: newChoices(app), traffic: newTraffic(),
	}
	a.limits = newLimits(app, cfg.Now, a.choices)
	if err := a.crossSite.AddTrustedOrigin(origin(public)); err != nil {
		return nil, err
	}
	a.warnWithoutTLS()
	cfg.Board.Expiry = newExpiries(app, cfg.Now).of
	cfg.Board.Bind(app)
	app.OnServe().BindFunc(a.serve)
	app.OnRecordAuthWithPasswordRequest(core.CollectionNameSuperusers).BindFunc(a.limitSuperusers)
	app.OnRecordAuthRequest(core.CollectionNameSuperusers).BindFunc(auditSuperuserSignIn)
	app.OnModelCreate(core.LogsTableName).BindFunc(redactLog)
	return a, cfg.Schedule.Add("sessions", "23 * * * *", a.sweepAccess)
}

// complete fills in defaults and answers the public URL.
func (c *Config) complete() (*url.URL, error) {
	if c.Board == nil || c.Store == nil || c.Schedule == nil || len(c.Secret) == 0 {
		return nil, errors.New("api.Bind needs a board, a store, schedules and a secret")
	}
	c.LinkTTL = cmp.Or(c.LinkTTL, defaultLinkTTL)
	if c.LinkTTL < 0 || c.LinkTTL > collections.MaxDeliveryLinkTTL {
		return nil, fmt.Errorf("a link's lifetime is %s: it must be between 0 and %s", c.LinkTTL, collections.MaxDeliveryLinkTTL)
	}
	c.Logger = cmp.Or(c.Logger, slog.Default())
	if c.Now == nil {
		c.Now = time.Now
	}
	if err := c.Turnstile.complete(); err != nil {
		return nil, err
	}
	if c.Web == nil {
		c.Web = pb_public.FS()
	}
	return parsePublicURL(c.PublicURL)
}

func parsePublicURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		return nil, fmt.Errorf("the public URL is %q: it must be http:// or https:// and a host, and no path", u.Redacted())
	}
	return u, nil
}

func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }

// serve mounts everything when PocketBase is about to listen.
func (a *API) serve(e *core.ServeEvent) error {
	e.InstallerFunc = nil // ours is the only set-up
	e.Server.ReadHeaderTimeout = readHeaderTimeout
	e.Server.MaxHeaderBytes = maxHeaderBytes
	a.mount(e.Router)
	if err := e.Next(); err != nil {
		return err
	}
	e.Server.Handler = a.front(e.Server.Handler)
	return nil
}
