package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// rounds answers how often each candidate runs.
func rounds() int {
	if n, err := strconv.Atoi(os.Getenv("LONGSHORE_BENCH_ROUNDS")); err == nil && n > 0 {
		return n
	}
	return 5
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	if len(sorted) == 0 {
		return 0
	}
	return sorted[len(sorted)/2]
}

// usage is what processes used up to a moment.
type usage struct {
	seconds float64 // wall
	cpu     float64 // user and system seconds
	anonMiB float64 // peak anonymous memory
}

// series collects the rounds of one candidate.
type series struct {
	name   string
	rounds []usage
}

func (s *series) add(u usage) { s.rounds = append(s.rounds, u) }

func (s *series) of(figure func(usage) float64) float64 {
	var values []float64
	for _, u := range s.rounds {
		values = append(values, figure(u))
	}
	return median(values)
}

func wall(u usage) float64 { return u.seconds }
func cpu(u usage) float64  { return u.cpu }
func anon(u usage) float64 { return u.anonMiB }

func (s *series) print(b *testing.B) {
	var walls []string
	for _, u := range s.rounds {
		walls = append(walls, fmt.Sprintf("%.2f", u.seconds))
	}
	b.Logf("%-28s %7.2f s  %6.2f CPU s  %6.1f MiB anonymous   (seconds: %s)", s.name, s.of(wall), s.of(cpu), s.of(anon), strings.Join(walls, " "))
}

// ratio prints and reports the median of the pairwise ratios of two series of one run.
func ratio(b *testing.B, what string, a, c *series, figure func(usage) float64) {
	var ratios []float64
	for i := range a.rounds {
		ratios = append(ratios, figure(a.rounds[i])/figure(c.rounds[i]))
	}
	b.Logf("%s: %s / %s = %.2f", what, a.name, c.name, median(ratios))
	b.ReportMetric(median(ratios), strings.ReplaceAll(what, " ", "-")+"-ratio")
}

// watch samples processes until stop is called, which answers what they used.
func watch(pids ...int) (stop func() usage) {
	begin, cpuBefore := time.Now(), cpuSeconds(pids)
	quit, done := make(chan struct{}), make(chan float64)
	go func() {
		var peak float64
		tick := time.NewTicker(25 * time.Millisecond)
		defer tick.Stop()
		for {
			peak = max(peak, anonMiB(pids))
			select {
			case <-quit:
				done <- peak
				return
			case <-tick.C:
			}
		}
	}()
	return func() usage {
		u := usage{seconds: time.Since(begin).Seconds(), cpu: cpuSeconds(pids) - cpuBefore}
		close(quit)
		u.anonMiB = <-done
		return u
	}
}

// cpuSeconds sums utime and stime of proc_pid_stat(5).
func cpuSeconds(pids []int) (sum float64) {
	for _, pid := range pids {
		b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
		if err != nil {
			continue
		}
		fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		user, _ := strconv.ParseFloat(fields[11], 64)
		system, _ := strconv.ParseFloat(fields[12], 64)
		sum += (user + system) / 100 // USER_HZ
	}
	return sum
}

// anonMiB sums RssAnon of proc_pid_status(5), residentMiB VmRSS.
func anonMiB(pids []int) float64     { return statusMiB(pids, "RssAnon:") }
func residentMiB(pids []int) float64 { return statusMiB(pids, "VmRSS:") }

func statusMiB(pids []int, field string) (sum float64) {
	for _, pid := range pids {
		b, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
		for line := range strings.Lines(string(b)) {
			if value, ok := strings.CutPrefix(line, field); ok {
				kib, _ := strconv.ParseFloat(strings.Fields(value)[0], 64)
				sum += kib / 1024
			}
		}
	}
	return sum
}
