package progress

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// readersURL in the environment makes this program a process full of browsers, so that a benchmark's CPU time is the server's alone.
const readersURL = "LONGSHORE_TEST_READERS"

func TestMain(m *testing.M) {
	if url := os.Getenv(readersURL); url != "" {
		if err := runReaders(url, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// runReaders connects a browser for each user named on a line of in, says "ready" on out, reads until in ends and
// then writes the delays of all messages in microseconds, in rising order.
func runReaders(url string, in io.Reader, out io.Writer) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConns: 1}}
	var mu sync.Mutex
	var delays []int64
	lines := bufio.NewScanner(in)
	for lines.Scan() && lines.Text() != "" {
		events, err := subscribe(client, url, lines.Text())
		if err != nil {
			return err
		}
		go func() {
			for events.Scan() {
				data, isData := bytes.CutPrefix(events.Bytes(), []byte("data:"))
				var message struct {
					Version int64 `json:"version"`
				}
				if !isData || json.Unmarshal(data, &message) != nil || message.Version == 0 {
					continue
				}
				mu.Lock()
				delays = append(delays, time.Now().UnixMicro()-message.Version)
				mu.Unlock()
			}
		}()
	}
	fmt.Fprintln(out, "ready")
	for lines.Scan() {
	}
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(delays)
	return json.NewEncoder(out).Encode(delays)
}

// subscribe connects as a user and asks for progress and jobs.
func subscribe(client *http.Client, url, as string) (*bufio.Scanner, error) {
	r, err := http.NewRequest("GET", url+"/api/realtime", nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("As", as)
	resp, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	events := bufio.NewScanner(resp.Body)
	var hello struct{ ClientID string }
	for hello.ClientID == "" && events.Scan() {
		if data, ok := bytes.CutPrefix(events.Bytes(), []byte("data:")); ok {
			if err := json.Unmarshal(data, &hello); err != nil {
				return nil, err
			}
		}
	}
	body, err := json.Marshal(map[string]any{"clientId": hello.ClientID, "subscriptions": []string{"progress", "jobs/*"}})
	if err != nil {
		return nil, err
	}
	if r, err = http.NewRequest("POST", url+"/api/realtime", bytes.NewReader(body)); err != nil {
		return nil, err
	}
	r.Header.Set("As", as)
	r.Header.Set("Content-Type", "application/json")
	done, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	done.Body.Close()
	if done.StatusCode != http.StatusNoContent {
		return nil, fmt.Errorf("subscribing answered %d", done.StatusCode)
	}
	return events, nil
}

// crowd is a process full of browsers, one for each of the users.
type crowd struct {
	users []*core.Record
	in    io.WriteCloser
	out   *bufio.Reader
}

func (s *server) crowd(n int) *crowd {
	s.t.Helper()
	c := &crowd{}
	var names strings.Builder
	for i := range n {
		user := s.user(fmt.Sprintf("user%d@example.com", i), collections.RoleUser)
		c.users = append(c.users, user)
		names.WriteString(userRef(user) + "\n")
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), readersURL+"="+s.url), os.Stderr
	var err error
	if c.in, err = cmd.StdinPipe(); err != nil {
		s.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	c.out = bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = c.in.Close()
		_ = cmd.Wait()
	})
	if _, err := io.WriteString(c.in, names.String()+"\n"); err != nil {
		s.t.Fatal(err)
	}
	if line, err := c.out.ReadString('\n'); line != "ready\n" {
		s.t.Fatalf("the browsers said %q, %v", line, err)
	}
	return c
}

// close answers the delays of what the browsers heard, in rising order.
func (c *crowd) close(t testing.TB) []time.Duration {
	t.Helper()
	if err := c.in.Close(); err != nil {
		t.Fatal(err)
	}
	var micros []int64
	if err := json.NewDecoder(c.out).Decode(&micros); err != nil {
		t.Fatal(err)
	}
	delays := make([]time.Duration, len(micros))
	for i, n := range micros {
		delays[i] = time.Duration(n) * time.Microsecond
	}
	return delays
}

// BenchmarkProgress tells what one update a second to each of many browsers costs, reported as by agents with 100 jobs each.
func BenchmarkProgress(b *testing.B) {
	for _, n := range []int{1000, 4000} {
		b.Run(fmt.Sprintf("clients=%d", n), func(b *testing.B) {
			s := newServer(b)
			c := s.crowd(n)
			jobs := make([]string, n)
			for i := range jobs {
				jobs[i] = core.GenerateDefaultRandomId()
			}
			const seconds, batch = 10, 100
			b.ResetTimer()
			begun, cpu := time.Now(), cpuTime()
			for range b.N {
				tick := time.NewTicker(time.Second * batch / time.Duration(n))
				for i := range seconds * n {
					if i%batch == 0 {
						<-tick.C
					}
					s.board.Report(c.users[i%n].Id, collections.Progress{
						JobID: jobs[i%n], Status: collections.StatusDownloading, SizeBytes: 8 << 30, DoneBytes: int64(i) << 10, DownloadRate: 5 << 20,
						ETASeconds: 100, Peers: 30, Seeds: 4, At: time.Now(),
					})
				}
				tick.Stop()
			}
			cores := (cpuTime() - cpu).Seconds() / time.Since(begun).Seconds()
			delays := c.close(b)
			if want := b.N * seconds * n; len(delays) < want*99/100 {
				b.Fatalf("%d of %d updates were heard", len(delays), want)
			}
			b.ReportMetric(cores, "cores")
			b.ReportMetric(float64(delays[len(delays)*99/100].Microseconds())/1000, "p99-ms")
			b.ReportMetric(float64(delays[len(delays)/2].Microseconds())/1000, "p50-ms")
		})
	}
}

// BenchmarkStatusChange tells the CPU time of a change of one job while 1,000 browsers of as many users listen.
func BenchmarkStatusChange(b *testing.B) {
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprintf("clients=%d", n), func(b *testing.B) {
			s := newServer(b)
			c := s.crowd(n)
			job := s.job(c.users[0])
			b.ResetTimer()
			cpu := cpuTime()
			for i := range b.N {
				change := hooks.Pause
				if i%2 == 1 {
					change = hooks.Resume
				}
				if _, err := change(b.Context(), s.app, job.Id); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/1000/float64(b.N), "cpu-ms/op")
		})
	}
}

// cpuTime answers what this process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
