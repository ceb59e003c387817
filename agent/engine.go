package agent

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/plugins"
)

const enginePrefix = "longshore-engine-"

// host keeps one engine's process alive and carries its events to the jobs whose torrents it has.
type host struct {
	name    string
	spec    plugins.Spec
	limits  limits
	log     *slog.Logger
	changed func() // health is worth a report

	mu       sync.Mutex
	broken   error // the engine cannot be started
	describe plugins.Description
	session  *session
	jobs     map[*job]bool
	torrents map[string]*job // by the id the engine knows
}

// findEngines makes a host for each configured engine, then for each executable in the engine
// folder; those get the first configured engine's environment.
func (a *Agent) findEngines() ([]*host, error) {
	specs := slices.Clone(a.cfg.Engines)
	var env []string
	if len(specs) > 0 {
		env = specs[0].Env
	}
	for _, path := range executables(a.cfg.EngineDir) {
		specs = append(specs, plugins.Spec{Name: strings.TrimPrefix(filepath.Base(path), enginePrefix), Path: path, Env: env})
	}
	var hosts []*host
	for _, spec := range specs {
		if slices.ContainsFunc(hosts, func(h *host) bool { return h.name == spec.Name }) {
			return nil, fmt.Errorf("there are two engines named %s", spec.Name)
		}
		hosts = append(hosts, a.newHost(spec))
	}
	return hosts, nil
}

// executables lists the engines in a folder; without one there are none.
func executables(dir string) (paths []string) {
	if dir == "" {
		return nil
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil
	}
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		info, err := os.Stat(path)
		if strings.HasPrefix(e.Name(), enginePrefix) && err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			paths = append(paths, path)
		}
	}
	return paths
}

func (a *Agent) newHost(spec plugins.Spec) *host {
	if spec.Logger == nil {
		spec.Logger = a.log
	}
	h := &host{
		name: spec.Name, spec: spec, limits: a.limits, log: a.log.With("engine", spec.Name), changed: a.reports.hurry,
		describe: plugins.Description{Name: spec.Name},
		jobs:     map[*job]bool{}, torrents: map[string]*job{},
	}
	h.spec.Logger = slog.New(engineLog{spec.Logger.Handler(), h})
	return h
}

// engine answers the host of the named engine, of the default for "", nil when there is none.
func (a *Agent) engine(name string) *host {
	for _, h := range a.engines {
		if name == "" || h.name == name {
			return h
		}
	}
	return nil
}

// run keeps the engine alive until ctx ends.
func (h *host) run(ctx context.Context) {
	err := plugins.NewSupervisor(h.spec).Run(ctx, h.up)
	if err == nil {
		return
	}
	h.log.Error("this engine cannot be used", "error", err)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.broken = err
	for j := range h.jobs {
		go j.post(func() { j.handleEngineBroken(err) })
	}
}

// up is one life of the process: it takes its events until ctx ends with it.
func (h *host) up(ctx context.Context, p *plugins.Process) {
	s := &session{host: h, process: p, engine: p.Engine(), culprits: map[*job]bool{}}
	events, err := s.open(ctx)
	if err != nil {
		h.log.Error("the engine started but does not answer", "error", err)
		p.Kill() //nolint:contextcheck // it has a time limit of its own
		return
	}
	go s.watch(ctx)
	h.begin(s)
	for ev := range events {
		if j := h.torrent(ev.ID); j != nil {
			j.post(func() { j.handleEvent(ev) })
		}
	}
	if ctx.Err() == nil {
		p.Kill() //nolint:contextcheck // without events it is of no use
	}
	<-ctx.Done()
	select {
	case <-p.Done():
		h.end(s)
	default: // the agent ends
	}
}

// begin tells the jobs that the engine is there.
func (h *host) begin(s *session) {
	h.mu.Lock()
	h.session, h.describe = s, s.can
	jobs := keys(h.jobs)
	h.mu.Unlock()
	for _, j := range jobs {
		j.post(func() { j.handleEngineUp(s) })
	}
	h.changed()
}

// end tells the jobs that the engine is gone, and whether it went because of them.
func (h *host) end(s *session) {
	h.mu.Lock()
	h.session = nil
	working := map[*job]bool{}
	for _, j := range h.torrents {
		working[j] = true
	}
	clear(h.torrents)
	jobs := keys(h.jobs)
	h.mu.Unlock()
	h.log.Warn("the engine is gone", "torrents", len(working))
	for _, j := range jobs {
		blamed := s.blames(j) || len(working) == 1 && working[j]
		j.post(func() { j.handleEngineDown(s, blamed) })
	}
}

// attach makes j hear of the engine's coming and going from now on, beginning with what holds now.
func (h *host) attach(j *job) {
	h.mu.Lock()
	h.jobs[j] = true
	s, broken := h.session, h.broken
	h.mu.Unlock()
	if s != nil {
		j.handleEngineUp(s)
	} else if broken != nil {
		j.handleEngineBroken(broken)
	}
}

func (h *host) detach(j *job) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.jobs, j)
	for id, owner := range h.torrents {
		if owner == j {
			delete(h.torrents, id)
		}
	}
}

// carry makes events of torrent id reach j.
func (h *host) carry(id string, j *job) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.torrents[id] = j
}

func (h *host) drop(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.torrents, id)
}

func (h *host) torrent(id string) *job {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.torrents[id]
}

func (h *host) health() collections.EngineHealth {
	h.mu.Lock()
	defer h.mu.Unlock()
	e := collections.EngineHealth{Name: h.name, Version: h.describe.Version, Capabilities: []string{}}
	for _, c := range h.describe.Capabilities {
		e.Capabilities = append(e.Capabilities, string(c))
	}
	return e
}

func keys[K comparable, V any](m map[K]V) []K {
	all := make([]K, 0, len(m))
	for k := range m {
		all = append(all, k)
	}
	return all
}
