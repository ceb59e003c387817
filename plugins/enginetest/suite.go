package enginetest

import (
	"os"
	"slices"
	"testing"

	"github.com/longshore-project/longshore/plugins"
)

// testCase is one promise of the contract.
type testCase struct {
	name  string
	needs []plugins.Capability
	swarm bool // needs peers, so a scripted engine cannot keep it
	root  bool // mounts a file system
	run   func(r *rig)
}

// Run proves an engine against the contract of package plugins, through the real launch, real gRPC and a swarm on
// loopback: every case starts a process of open's Spec. Peers, trackers and the engine's own
// port are on 127.0.0.0/8, so the Spec must allow private networks where the engine
// refuses them. The disk-full case mounts a tmpfs and runs as root only.
func Run(t *testing.T, open func(t *testing.T) plugins.Spec) { run(t, open, offerSwarm) }

// RunScripted proves the fake engine, which makes its torrents itself, in all that needs no peer.
func RunScripted(t *testing.T, open func(t *testing.T) plugins.Spec) { run(t, open, offerScript) }

func run(t *testing.T, open func(t *testing.T) plugins.Spec, source source) {
	description := describe(t, open)
	t.Logf("engine %s %s can do %v", description.Name, description.Version, description.Capabilities)
	for _, c := range cases() {
		if missing := c.missing(description); len(missing) > 0 {
			t.Logf("not asked for: %s: the engine lacks %v", c.name, missing)
			continue
		}
		if c.swarm && source.scripted {
			continue
		}
		if c.root && os.Geteuid() != 0 {
			t.Logf("not asked for: %s: only root may mount a small disk", c.name)
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(newRig(t, open, source))
		})
	}
}

func (c testCase) missing(d plugins.Description) []plugins.Capability {
	return slices.DeleteFunc(slices.Clone(c.needs), d.Has)
}

func describe(t *testing.T, open func(t *testing.T) plugins.Spec) plugins.Description {
	t.Helper()
	r := newRig(t, open, source{})
	defer r.process.Kill()
	d, err := r.engine.Describe(t.Context())
	if err != nil {
		t.Fatalf("Describe: %v", err)
	}
	return d
}

func cases() []testCase {
	return slices.Concat(callCases, downloadCases, choiceCases, recoveryCases, peerCases, diskCases)
}
