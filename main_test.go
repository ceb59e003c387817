package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asLongshore makes this test binary behave as the program.
const asLongshore = "BE_LONGSHORE_FOR_A_TEST"

func TestMain(m *testing.M) {
	if os.Getenv(asLongshore) != "" {
		main()
	}
	os.Exit(m.Run())
}

// longshore is the program in a folder of its own, killed at the end of the test.
func longshore(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute) // a first start under the race detector on a busy machine is slow
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), asLongshore+"=1")
	return cmd
}

func TestExitCodes(t *testing.T) {
	for call, want := range map[string]int{
		"": 0, "--help": 0, "help": 0, "help serve": 0, "serve --help": 0, "agent --help": 0, "user": 0, "--version": 0,
		"bogus": 2, "--bogus": 2, "user bogus": 2, "agents bogus": 2, "migrate bogus": 2,
		"serve --bogus": 2, "serve extra": 2, "serve --agent maybe": 2, "serve --http nonsense": 2, "serve --agents 0.0.0.0:0": 2,
		"user upsert": 2, "user upsert a@b.c d": 2, "user upsert nobody": 2, "agents token extra": 2,
		"agent": 2, "agent --bogus": 2, "agent --server https://example.com": 2, "engine": 2, "engine bogus": 2,
		"doctor extra": 2, "user upsert a@example.com --password-file missing": 1,
	} {
		t.Run("longshore "+call, func(t *testing.T) {
			t.Parallel()
			cmd := longshore(t, strings.Fields(call)...)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if got := cmd.ProcessState.ExitCode(); got != want || len(out) == 0 {
				t.Errorf("exit code %d instead of %d: %s", got, want, out)
			}
		})
	}
}

func TestWrongSettings(t *testing.T) {
	for _, setting := range []string{
		"LONGSHORE_LINK_TTL=8760h", "LONGSHORE_LINK_TTL=soon", "LONGSHORE_PUBLIC_URL=example.com", "LONGSHORE_PUBLIC_URL=http://example.com/below",
		"LONGSHORE_STORAGE=tape", "LONGSHORE_AGENT=maybe", "LONGSHORE_HOOKS_DIR=/no/such/folder", "LONGSHORE_SCRIPT_DECIDE_LIMIT=1ms", "LONGSHORE_SCRIPT_TELL_LIMIT=long", "LONGSHORE_REGISTRATION=maybe",
		"LONGSHORE_TRUSTED_PROXIES=proxy.example", "LONGSHORE_TRUSTED_PROXIES=10.0.0.0/8,10.0.0.0/99",
		"LONGSHORE_TURNSTILE_SITE_KEY=x", "LONGSHORE_TURNSTILE_SECRET_KEY=x",
	} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			cmd := longshore(t, "serve", "--http", "127.0.0.1:0")
			cmd.Env = append(cmd.Env, setting)
			out, err := cmd.CombinedOutput()
			name, _, _ := strings.Cut(setting, "=")
			if cmd.ProcessState.ExitCode() != exitWrongUse {
				t.Errorf("%s: %v: %s", name, err, out)
			}
		})
	}
}

func TestServeDoesNotStartWithABrokenScript(t *testing.T) {
	for name, text := range map[string]string{
		"ours":         `onJobSubmit((e) => {`,
		"PocketBase's": `onRecordUpdat((e) => {})`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := longshore(t, "serve", "--http", "127.0.0.1:0", "--hooksDir", "rules")
			rules := filepath.Join(cmd.Dir, "rules")
			if err := os.Mkdir(rules, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(rules, "broken.pb.js"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			out, _ := cmd.CombinedOutput()
			if cmd.ProcessState.ExitCode() != exitWrongUse || !strings.Contains(string(out), "broken.pb.js") {
				t.Errorf("exit code %d: %s", cmd.ProcessState.ExitCode(), out)
			}
		})
	}
}

// TestOnlyServeRunsScripts leaves a script that no command could load.
func TestOnlyServeRunsScripts(t *testing.T) {
	for _, call := range []string{"doctor", "agents token", "migrate up"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			cmd := longshore(t, strings.Fields(call)...)
			hooks := filepath.Join(cmd.Dir, "pb_data", "pb_hooks")
			if err := os.MkdirAll(hooks, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(hooks, "broken.pb.js"), []byte("throw 1"), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

func TestHelpMakesNoFolder(t *testing.T) {
	for _, args := range [][]string{nil, {"user"}, {"help", "serve"}} {
		cmd := longshore(t, args...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if made, _ := filepath.Glob(filepath.Join(cmd.Dir, "*")); len(made) != 0 {
			t.Errorf("longshore %v makes %v", args, made)
		}
	}
}

func TestServeEndsWhileABrowserListens(t *testing.T) {
	cmd := longshore(t, "serve", "--http", "127.0.0.1:0", "--agent", "none")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	url := greeting(t, stdout)
	resp, err := http.Get(url + "/api/realtime")
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp, err)
	}
	defer resp.Body.Close()
	if _, err := resp.Body.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	wantDashboard(t, url)
	begun := time.Now()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("it ended with %v", err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	if strings.Contains(log.String(), `"level":"ERROR"`) {
		t.Errorf("it did not end in order: %s", &log)
	}
}

// wantDashboard: our policy would keep PocketBase's pages from running.
func wantDashboard(t *testing.T, url string) {
	t.Helper()
	resp, err := http.Get(url + "/_/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if policy := resp.Header.Get("Content-Security-Policy"); resp.StatusCode != http.StatusOK || !strings.Contains(policy, "style-src 'self' 'unsafe-inline'") {
		t.Errorf("the dashboard is answered %d with the policy %q", resp.StatusCode, policy)
	}
	if resp.Header.Get("X-Content-Type-Options") != "nosniff" || resp.Header.Get("Referrer-Policy") != "same-origin" {
		t.Errorf("the dashboard's headers are %v", resp.Header)
	}
}

// greeting answers the address that serve prints.
func greeting(t *testing.T, stdout interface{ Read([]byte) (int, error) }) string {
	t.Helper()
	var out []byte
	b := make([]byte, 1024)
	for {
		n, err := stdout.Read(b)
		out = append(out, b[:n]...)
		if _, after, found := strings.Cut(string(out), "Longshore runs at "); found {
			if url, _, whole := strings.Cut(after, "\n"); whole {
				return url
			}
		}
		if err != nil {
			t.Fatalf("serve said %q: %v", out, err)
		}
	}
}
