package plugins_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/longshore-project/longshore/plugins"
	"github.com/longshore-project/longshore/plugins/fake"
)

// The test program is also the engine it starts, and a host that is killed.
const roleKey = "PLUGINS_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleKey) {
	case "engine":
		plugins.Serve(fake.New())
	case "echo":
		plugins.Serve(&echo{Engine: fake.New()})
	case "host":
		host()
	default:
		os.Exit(m.Run())
	}
}

// host launches an engine in the folder of its first argument, prints its pid and waits to be killed.
func host() {
	if len(os.Args) > 2 {
		os.Remove(os.Args[2])
	}
	p, err := plugins.Launch(context.Background(), plugins.Spec{Name: "fake", Env: engineEnv, RunDir: os.Args[1]})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(p.Pid())
	<-p.Done()
}

var engineEnv = []string{roleKey + "=engine"}

// runDir is short, because a socket's path must be.
func runDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "run")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func launch(t *testing.T, spec plugins.Spec) *plugins.Process {
	t.Helper()
	if spec.RunDir == "" {
		spec.RunDir = runDir(t)
	}
	spec.Env = append(spec.Env, engineEnv...)
	spec.Name = "fake"
	p, err := plugins.Launch(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}

// alive counts a zombie as dead.
func alive(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, rest, _ := bytes.Cut(stat, []byte(") "))
	return len(rest) > 0 && rest[0] != 'Z' && rest[0] != 'X'
}

// group answers the living processes of a process group.
func group(pgid int) (pids []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		stat, _ := os.ReadFile(path)
		_, rest, _ := bytes.Cut(stat, []byte(") "))
		var state byte
		var parent, pgrp int
		fmt.Sscanf(string(rest), "%c %d %d", &state, &parent, &pgrp)
		if pgrp == pgid && state != 'Z' {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			pids = append(pids, pid)
		}
	}
	return pids
}
