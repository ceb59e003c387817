package e2e

import (
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/longshore-project/longshore/plugins/enginetest"
	"github.com/longshore-project/longshore/storage/storetest"
)

const benchPace = 100_000_000 // bytes per second

// wholeJob runs one job from POST to completed. Figures are those of serve with its agent and its engines.
func wholeJob(b *testing.B, env []string, torrent []byte) usage {
	b.Helper()
	s := startServer(b, env)
	defer os.RemoveAll(s.dir)
	defer s.end()
	user := signIn(b, s)
	user.warm()
	stop := watch(append(engines(b, s.cmd.Process.Pid), s.cmd.Process.Pid)...)
	j := user.addTorrent(torrent)
	poll(b, func() bool { return user.statusIs(j.ID, "completed") })
	return stop()
}

// warm waits until the agent's engine is there: a job of a running installation does not wait for it.
func (c *client) warm() {
	eventually(c.t, "an agent is there", 30*time.Second, func() error { return get(c.url + "/readyz") })
}

func (c *client) statusIs(id, status string) bool {
	j, err := c.job(id)
	if err == nil && j.Status == "failed" {
		c.t.Fatalf("the job failed: %+v", j)
	}
	return err == nil && j.Status == status
}

func BenchmarkLocalStore(b *testing.B) {
	p := bigPayload(b, 8<<30)
	job, alone := &series{name: "8 GiB job, local store"}, &series{name: "engine alone"}
	for range rounds() {
		torrent, _, seed := swarm(b, p, 0)
		alone.add(engineAlone(b, torrent))
		job.add(wholeJob(b, nil, torrent))
		seed.Close()
	}
	job.print(b)
	alone.print(b)
	ratio(b, "time", job, alone, wall)
}

func BenchmarkPacedS3(b *testing.B) {
	p := bigPayload(b, 1<<30)
	job, alone := &series{name: "1 GiB job, S3, 100 MB/s"}, &series{name: "engine's bare download"}
	for range rounds() {
		torrent, _, seed := swarm(b, p, benchPace)
		alone.add(engineAlone(b, torrent))
		seed.Close()
		torrent, _, seed = swarm(b, p, benchPace)
		cfg := storetest.StartS3(b).Bucket(b)
		cfg.Endpoint = "http://" + pacedProxy(b, cfg.Endpoint[len("http://"):], benchPace)
		job.add(wholeJob(b, storetest.Env(cfg), torrent))
		seed.Close()
	}
	job.print(b)
	alone.print(b)
	ratio(b, "time", job, alone, wall)
}

// pacedProxy forwards TCP to addr and holds what is sent there to rate bytes per second, all connections together.
func pacedProxy(b *testing.B, addr string, rate int64) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(b, err)
	b.Cleanup(func() { l.Close() })
	p := &pace{rate: rate}
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			go forward(from, addr, p)
		}
	}()
	return l.Addr().String()
}

func forward(from net.Conn, addr string, p *pace) {
	defer from.Close()
	to, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer to.Close()
	go io.Copy(from, to)
	buf := make([]byte, 256<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		p.wait(n)
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// pace spreads bytes over time.
type pace struct {
	mu   sync.Mutex
	rate int64
	due  time.Time
}

func (p *pace) wait(n int) {
	p.mu.Lock()
	if earliest := time.Now().Add(-20 * time.Millisecond); p.due.Before(earliest) { // timers fire late
		p.due = earliest
	}
	p.due = p.due.Add(time.Duration(n) * time.Second / time.Duration(p.rate))
	due := p.due
	p.mu.Unlock()
	<-time.After(time.Until(due))
}

// BenchmarkLatency measures the ways that are not bytes: POST /jobs → first announce, last block sent → completed.
func BenchmarkLatency(b *testing.B) {
	s := startServer(b, nil)
	user := signIn(b, s)
	user.warm()
	var announce, completed []float64
	for round := range rounds() {
		p := enginetest.MakePayload(b, enginetest.PayloadSpec{
			Files: []enginetest.PayloadFile{{Name: "a.bin", Size: 64 << 20}}, Single: true, Seed: uint64(round) + 1,
		})
		torrent, tracker, seed := swarm(b, p, 0)
		before := tracker.Announces(p.Infohash)
		begin := time.Now()
		j := user.addTorrent(torrent)
		pollFast(b, func() bool { return tracker.Announces(p.Infohash) > before })
		announce = append(announce, float64(time.Since(begin).Milliseconds()))
		pollFast(b, func() bool { return seed.Sent() >= p.TotalSize })
		sent := time.Now()
		pollFast(b, func() bool { return user.statusIs(j.ID, "completed") })
		completed = append(completed, float64(time.Since(sent).Milliseconds()))
		seed.Close()
	}
	b.Logf("POST /jobs to the first announce: median %.0f ms of %v", median(announce), announce)
	b.Logf("last block sent to completed: median %.0f ms of %v", median(completed), completed)
	b.ReportMetric(median(announce), "announce-ms")
	b.ReportMetric(median(completed), "completed-ms")
}

// pollFast asks each millisecond.
func pollFast(b *testing.B, done func() bool) {
	b.Helper()
	limit := time.After(time.Minute)
	for tick := time.NewTicker(time.Millisecond); !done(); {
		select {
		case <-limit:
			b.Fatal("not within a minute")
		case <-tick.C:
		}
	}
}

// BenchmarkIdle watches serve with its agent for twenty seconds without a job.
func BenchmarkIdle(b *testing.B) {
	s := startServer(b, nil)
	signIn(b, s).warm()
	pids := append(engines(b, s.cmd.Process.Pid), s.cmd.Process.Pid)
	idle := &series{name: fmt.Sprintf("idle serve, %d processes", len(pids))}
	for range rounds() {
		stop := watch(pids...)
		<-time.After(20 * time.Second)
		u := stop()
		u.cpu /= u.seconds
		idle.add(u)
	}
	b.Logf("%s: %.1f MiB anonymous, %.1f MiB resident, %.2f %% of a core", idle.name, idle.of(anon), residentMiB(pids), 100*idle.of(cpu))
	b.ReportMetric(idle.of(anon), "anon-MiB")
	b.ReportMetric(100*idle.of(cpu), "core-%")
}
