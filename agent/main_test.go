package agent

import (
	"os"
	"testing"
	"time"

	"github.com/longshore-project/longshore/engines/anacrolix"
	"github.com/longshore-project/longshore/plugins"
	"github.com/longshore-project/longshore/plugins/fake"
)

// TestMain makes the test binary an engine when an agent starts it as one, as the product does.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "engine" {
		serveEngine(os.Args[2])
		return
	}
	os.Exit(m.Run())
}

func serveEngine(name string) {
	switch name {
	case "fake":
		plugins.Serve(fake.New())
	case "anacrolix":
		engine, err := anacrolix.New(anacrolix.ConfigFromEnv())
		if err != nil {
			panic(err)
		}
		plugins.Serve(engine)
	}
}

func fakeEngine() plugins.Spec { return plugins.Spec{Name: "fake", Args: []string{"engine", "fake"}} }

func realEngine() plugins.Spec {
	return plugins.Spec{
		Name: "anacrolix", Args: []string{"engine", "anacrolix"},
		Env: []string{"LONGSHORE_ALLOW_PRIVATE_NETWORK=1", "LONGSHORE_LISTEN_HOST=127.0.0.1"},
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	const patience = 30 * time.Second
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("after %v still not: %s", patience, what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}
