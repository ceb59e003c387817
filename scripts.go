package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/script"
)

// Bounds of a serve that ends: what was committed is still told to the scripts, and the webhooks that wait are sent.
const (
	lastMoments  = 5 * time.Second
	lastWebhooks = 5 * time.Second
)

// loadScripts loads the operator's hook scripts, which only serve runs. A script that cannot be run is a wrong use:
// serve does not start without a rule that its operator relies on.
func (s *server) loadScripts() (err error) {
	dir, err := s.scriptsDir()
	if err != nil {
		return usageError{err}
	}
	cfg := script.Config{
		App: s.app, Dir: dir, Submit: s.api.SubmitFor, Logger: s.logger,
		AllowPrivate: os.Getenv("LONGSHORE_ALLOW_PRIVATE_NETWORK") == "1",
	}
	for name, limit := range map[string]*time.Duration{
		"LONGSHORE_SCRIPT_DECIDE_LIMIT": &cfg.DecideLimit, "LONGSHORE_SCRIPT_TELL_LIMIT": &cfg.TellLimit,
	} {
		if *limit, err = scriptLimit(name, os.Getenv(name)); err != nil {
			return usageError{err}
		}
	}
	if s.scripts, err = script.Load(cfg); err != nil {
		return usageError{err}
	}
	return nil
}

// scriptsDir answers the absolute folder of the scripts. One that was named must be there.
func (s *server) scriptsDir() (string, error) {
	if s.hooksDir != "" {
		if _, err := os.Stat(s.hooksDir); err != nil {
			return "", fmt.Errorf("--hooksDir: %w", err)
		}
	}
	return filepath.Abs(cmp.Or(s.hooksDir, filepath.Join(s.app.DataDir(), "pb_hooks")))
}

// scriptLimit reads the time limit of a script; 0 means the default.
func scriptLimit(name, value string) (time.Duration, error) {
	if value == "" {
		return 0, nil
	}
	limit, err := time.ParseDuration(value)
	if err != nil || limit < 10*time.Millisecond || limit > time.Minute {
		return 0, fmt.Errorf("%s is %q: it must be a duration from 10ms to 1m, such as 250ms", name, value)
	}
	return limit, nil
}

// endScripts lets the scripts hear what is committed already. Nothing else changes any more.
func (s *server) endScripts() {
	moments, cancel := context.WithTimeout(context.Background(), lastMoments)
	defer cancel()
	if left := hooks.MomentsOf(s.app).Drain(moments); left > 0 {
		s.logger.Warn("scripts were not told of everything before the end", "moments", left)
	}
	if s.scripts == nil {
		return
	}
	webhooks, cancel := context.WithTimeout(context.Background(), lastWebhooks)
	defer cancel()
	s.scripts.Stop(webhooks)
}
