package api

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func TestWindowsAllowTheLimitAndNoMore(t *testing.T) {
	w := newWindows[string]()
	for i := range 5 {
		got := w.take("ann", 5, noon)
		if got.refused || got.limit != 5 || got.remaining != int64(4-i) || got.reset != time.Minute {
			t.Errorf("request %d: %+v", i, got)
		}
	}
	if got := w.take("ann", 5, noon.Add(59*time.Second)); !got.refused || got.reset != 13*time.Second {
		t.Errorf("one more: %+v", got)
	}
	if got := w.take("bob", 5, noon); got.refused {
		t.Errorf("another key: %+v", got)
	}
}

func TestWindowsSlide(t *testing.T) {
	w := newWindows[string]()
	at := func(after time.Duration, n int) (allowed int) {
		for range n {
			if !w.take("ann", 60, noon.Add(after)).refused {
				allowed++
			}
		}
		return allowed
	}
	for _, step := range []struct {
		after   time.Duration
		tries   int
		allowed int
	}{
		{0, 60, 60}, {59 * time.Second, 10, 0},
		{60 * time.Second, 10, 0}, // all of the minute before still count
		{90 * time.Second, 60, 30}, {91 * time.Second, 10, 1},
		{10 * time.Minute, 100, 60},
	} {
		if got := at(step.after, step.tries); got != step.allowed {
			t.Errorf("after %s %d of %d were allowed instead of %d", step.after, got, step.tries, step.allowed)
		}
	}
}

func TestWhoWaitsAsToldIsAllowed(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		w, now := newWindows[string](), noon
		limit := random.Int64N(50) + 1
		for range random.IntN(200) {
			now = now.Add(time.Duration(random.IntN(5000)) * time.Millisecond)
			w.take("ann", limit, now)
		}
		for range 200 {
			got := w.take("ann", limit, now)
			if !got.refused {
				continue
			}
			if got.reset <= 0 || got.reset > 2*time.Minute {
				t.Fatalf("told to wait %s", got.reset)
			}
			if w.take("ann", limit, now.Add(got.reset-2*time.Millisecond)).refused == false {
				t.Fatalf("%s of waiting are too many", got.reset)
			}
			if w.take("ann", limit, now.Add(got.reset)).refused {
				t.Fatalf("refused after the %s that were told, limit %d", got.reset, limit)
			}
			break
		}
	}
}

func TestNoMinuteHasMoreThanTwiceTheLimitsUnevenness(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	w, now := newWindows[string](), noon
	var allowed []time.Time
	for range 200_000 {
		now = now.Add(time.Duration(random.ExpFloat64()*50) * time.Millisecond)
		if w.take("ann", 300, now).refused {
			continue
		}
		allowed = append(allowed, now)
		if n := len(allowed); n > 330 && now.Sub(allowed[n-331]) < time.Minute {
			t.Fatalf("331 of 300 within %s", now.Sub(allowed[n-331]))
		}
	}
	if perMinute := float64(len(allowed)) / now.Sub(noon).Minutes(); perMinute < 285 {
		t.Errorf("only %.0f a minute were allowed", perMinute)
	}
}

func TestWindowsCountParallelRequestsOnce(t *testing.T) {
	w := newWindows[string]()
	var allowed atomic.Int64
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 100 {
				if !w.take("ann", 300, noon).refused {
					allowed.Add(1)
				}
			}
		})
	}
	all.Wait()
	if n := allowed.Load(); n != 300 {
		t.Errorf("%d of 300 were allowed", n)
	}
}

func TestFloodOfKeysDoesNotGrowMemory(t *testing.T) {
	w := newWindows[string]()
	now := noon
	for i := range 3 * windowShards * keysPerShard {
		w.take(strconv.Itoa(i), 5, now)
	}
	total := 0
	for i := range w.shards {
		total += len(w.shards[i].counts)
	}
	if total > windowShards*keysPerShard {
		t.Errorf("%d keys are kept", total)
	}
	for range 10 {
		w.take("ann", 5, now)
	}
	if !w.take("ann", 5, now).refused {
		t.Error("in a flood nobody is limited")
	}
}

func TestClockThatIsSetBackOpensNothing(t *testing.T) {
	w := newWindows[string]()
	for range 5 {
		w.take("ann", 5, noon)
	}
	if !w.take("ann", 5, noon.Add(-time.Hour)).refused {
		t.Error("allowed")
	}
}

func BenchmarkWindow(b *testing.B) {
	for _, keys := range []int{1, 10_000} {
		b.Run(fmt.Sprintf("%d keys", keys), func(b *testing.B) {
			w := newWindows[string]()
			names := make([]string, keys)
			for i := range names {
				names[i] = fmt.Sprintf("user%011d", i)
			}
			b.ReportAllocs()
			b.RunParallel(func(p *testing.PB) {
				for i := 0; p.Next(); i++ {
					w.take(names[i%keys], 3000, noon)
				}
			})
		})
	}
}
