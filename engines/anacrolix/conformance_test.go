package anacrolix

import (
	"os"
	"testing"

	"github.com/longshore-project/longshore/plugins"
	"github.com/longshore-project/longshore/plugins/enginetest"
)

const roleKey = "ANACROLIX_TEST_ROLE"

// TestMain makes the test program the engine that the conformance suite starts.
func TestMain(m *testing.M) {
	if os.Getenv(roleKey) == "engine" {
		e, err := New(ConfigFromEnv())
		if err != nil {
			panic(err)
		}
		plugins.Serve(e)
		return
	}
	os.Exit(m.Run())
}

func TestConformance(t *testing.T) {
	enginetest.Run(t, func(*testing.T) plugins.Spec {
		return plugins.Spec{Name: "anacrolix", Env: []string{
			roleKey + "=engine", "LONGSHORE_ALLOW_PRIVATE_NETWORK=1", "LONGSHORE_LISTEN_HOST=127.0.0.1",
		}}
	})
}
