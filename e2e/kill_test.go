package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/longshore-project/longshore/plugins/enginetest"
)

// interrupted is a job of a slow seeder that is broken at half its bytes.
type interrupted struct {
	payload *enginetest.Payload
	seed    *enginetest.Seeder
	server  *server
	user    *client
	job     job
}

func newInterrupted(t *testing.T, env []string, args ...string) *interrupted {
	t.Helper()
	p := enginetest.NewPayload(t,
		enginetest.PayloadFile{Name: "a.bin", Size: 40<<20 + 1},
		enginetest.PayloadFile{Name: "b/c.bin", Size: 24 << 20},
	)
	tracker := enginetest.NewTracker(t)
	seed := enginetest.NewSeeder(t, p, enginetest.SeederOptions{Rate: 8 << 20, Trackers: []string{tracker.URL}})
	t.Cleanup(seed.Close)
	i := &interrupted{payload: p, seed: seed, server: startServer(t, env, args...)}
	i.user = signIn(t, i.server)
	i.job = i.user.addMagnet(p.Magnet(tracker.URL))
	return i
}

// finishes waits for the end and counts what was fetched: verified pieces never twice. What may come
// again are the pieces that were open when the axe fell, and what was on the wire.
func (i *interrupted) finishes(t *testing.T) {
	t.Helper()
	i.user.waitStatus(i.job.ID, "completed", 2*time.Minute)
	i.user.mustMatch(i.job.ID, i.payload.Hashes())
	i.server.mustPassDoctor(t)
	sent, limit := i.seed.Sent(), i.payload.TotalSize+i.payload.TotalSize/100+openBytes
	if sent > limit {
		t.Errorf("the seeder sent %d bytes of a torrent of %d; at most %d were to be expected", sent, i.payload.TotalSize, limit)
	}
	t.Logf("sent %d bytes for %d: %.2f %% again", sent, i.payload.TotalSize, 100*float64(sent-i.payload.TotalSize)/float64(i.payload.TotalSize))
}

// openBytes bounds what may be under way: pieces begun and not verified.
const openBytes = 2 << 20

func TestKilledEngineLosesNothing(t *testing.T) {
	for name, store := range map[string]func(testing.TB) []string{"local": localDisk, "s3": s3} {
		t.Run(name, func(t *testing.T) {
			i := newInterrupted(t, store(t))
			i.user.waitDone(i.job.ID, 0.5, time.Minute)
			pids := engines(t, i.server.cmd.Process.Pid)
			if len(pids) != 1 {
				t.Fatalf("engine processes: %v", pids)
			}
			must(t, syscall.Kill(pids[0], syscall.SIGKILL))
			i.finishes(t)
			if j, _ := i.user.job(i.job.ID); j.Attempt != 1 {
				t.Errorf("attempt %d: the agent was to go on by itself", j.Attempt)
			}
		})
	}
}

func TestKilledAgentLosesNothing(t *testing.T) {
	for name, store := range map[string]func(testing.TB) []string{"local": localDisk, "s3": s3} {
		t.Run(name, func(t *testing.T) {
			i := newInterrupted(t, store(t), "--agent", "none")
			token := strings.TrimSpace(i.server.command(t, "", "agents", "token"))
			dir := filepath.Join(t.TempDir(), "agent")
			agent := i.server.startAgent(t, dir, token)
			i.user.waitDone(i.job.ID, 0.5, time.Minute)
			pids := engines(t, agent.cmd.Process.Pid)
			agent.kill()
			eventually(t, "the engine dies with its agent", 5*time.Second, func() error {
				for _, pid := range pids {
					if err := syscall.Kill(pid, 0); err == nil {
						return fmt.Errorf("engine %d lives", pid)
					}
				}
				return nil
			})
			i.server.startAgent(t, dir, "")
			i.finishes(t)
		})
	}
}

func TestKilledServeLosesNothing(t *testing.T) {
	for name, store := range map[string]func(testing.TB) []string{"local": localDisk, "s3": s3} {
		t.Run(name, func(t *testing.T) {
			i := newInterrupted(t, store(t))
			i.user.waitDone(i.job.ID, 0.5, time.Minute)
			i.server.kill()
			i.server.start(t)
			i.finishes(t)
		})
	}
}

// An agent goes on while the control plane is away, and the same attempt ends the job.
func TestServeAwayEvictsNobody(t *testing.T) {
	i := newInterrupted(t, nil, "--agent", "none")
	token := strings.TrimSpace(i.server.command(t, "", "agents", "token"))
	i.server.startAgent(t, filepath.Join(t.TempDir(), "agent"), token)
	i.user.waitDone(i.job.ID, 0.3, time.Minute)
	i.server.kill()
	before := i.seed.Sent()
	eventually(t, "the agent goes on alone", time.Minute, func() error {
		if sent := i.seed.Sent(); sent < before+8<<20 {
			return fmt.Errorf("%d bytes sent", sent-before)
		}
		return nil
	})
	i.server.start(t)
	i.finishes(t)
	if j, _ := i.user.job(i.job.ID); j.Attempt != 1 {
		t.Errorf("attempt %d: the control plane's absence evicted the job", j.Attempt)
	}
}
