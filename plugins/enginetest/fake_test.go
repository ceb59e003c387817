package enginetest_test

import (
	"os"
	"testing"

	"github.com/longshore-project/longshore/plugins"
	"github.com/longshore-project/longshore/plugins/enginetest"
	"github.com/longshore-project/longshore/plugins/fake"
)

const (
	roleKey  = "ENGINETEST_ROLE"
	faultKey = "ENGINETEST_FAULT"
)

// TestMain makes the test program the engine it starts.
func TestMain(m *testing.M) {
	if os.Getenv(roleKey) == "engine" {
		plugins.Serve(faulty{fake.New(), os.Getenv(faultKey)})
		return
	}
	os.Exit(m.Run())
}

func TestTheFakeEngineKeepsTheContract(t *testing.T) {
	enginetest.RunScripted(t, func(*testing.T) plugins.Spec {
		return plugins.Spec{Name: "fake", Env: []string{roleKey + "=engine", faultKey + "=" + os.Getenv(faultKey)}}
	})
}
