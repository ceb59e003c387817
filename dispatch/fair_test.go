package dispatch

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

// queueing is a queue that is built step by step; each job is called by its owner and number.
type queueing struct {
	*Dispatcher
	t     testing.TB
	begin time.Time
	users map[string]*core.Record
	names map[string]string // by id
	made  map[string]int    // by user
}

func newQueueing(t testing.TB, slots int) *queueing {
	q := &queueing{
		Dispatcher: idle(t, slots), t: t, begin: time.Now().Add(time.Minute),
		users: map[string]*core.Record{}, names: map[string]string{}, made: map[string]int{},
	}
	q.Board.Explain(q.explain)
	return q
}

// user makes a user called name with the plan.
func (q *queueing) user(name string, plan collections.PlanName) *queueing {
	q.t.Helper()
	q.users[name] = hookstest.MustCreateUser(q.t, q.App, name+"@example.com", collections.RoleUser)
	if err := hooks.AssignPlan(q.App, q.users[name].Id, plan, time.Time{}); err != nil {
		q.t.Fatal(err)
	}
	return q
}

// jobs queues n jobs of a user at that minute of the day.
func (q *queueing) jobs(user string, n, minute int, set ...func(*core.Record)) *queueing {
	q.t.Helper()
	err := q.App.RunInTransaction(func(tx core.App) error {
		for range n {
			job := hookstest.MustCreateJob(q.t, tx, q.users[user], func(job *core.Record) {
				for _, fn := range set {
					fn(job)
				}
			})
			at := stamp(q.begin.Add(time.Duration(minute)*time.Minute + time.Duration(q.made[user])*time.Second))
			_, err := exec(tx, `UPDATE jobs SET created_at = {:at}, status_since = {:at} WHERE id = {:id}`, dbx.Params{"id": job.Id, "at": at})
			if err != nil {
				return err
			}
			q.made[user]++
			q.names[job.Id] = fmt.Sprint(user, q.made[user])
		}
		return nil
	})
	if err != nil {
		q.t.Fatal(err)
	}
	return q
}

func having(column string, value any) func(*core.Record) {
	return func(job *core.Record) { job.Set(column, value) }
}

// look has the pump look once at that minute and answers which jobs an agent has then.
func (q *queueing) look(minute int) string {
	q.t.Helper()
	q.Now = func() time.Time { return q.begin.Add(time.Duration(minute) * time.Minute) }
	q.agents["agent"].seen = q.Now()
	for _, l := range q.leases {
		l.until = q.Now().Add(time.Hour)
	}
	q.looked = time.Time{}
	if err := q.pump(); err != nil {
		q.t.Fatal(err)
	}
	q.work.Wait()
	var run []string
	for id := range q.leases {
		run = append(run, q.names[id])
	}
	slices.Sort(run)
	return strings.Join(run, " ")
}

// end takes a running job off its agent, completed.
func (q *queueing) end(names ...string) *queueing {
	q.t.Helper()
	for _, id := range slices.Collect(maps.Keys(q.leases)) {
		if !slices.Contains(names, q.names[id]) {
			continue
		}
		if _, err := exec(q.App, `UPDATE jobs SET status = 'completed' WHERE id = {:id}`, dbx.Params{"id": id}); err != nil {
			q.t.Fatal(err)
		}
		delete(q.leases, id)
	}
	return q
}

func (q *queueing) id(name string) string {
	for id, n := range q.names {
		if n == name {
			return id
		}
	}
	q.t.Fatalf("there is no job %s", name)
	return ""
}

func (q *queueing) must(want, got string) {
	q.t.Helper()
	if got != want {
		q.t.Fatalf("agents have %q, not %q", got, want)
	}
}

func TestTurnsGoToTheUserWithTheFewestRunningJobs(t *testing.T) {
	q := newQueueing(t, 6).user("ann", "pro").user("bob", "pro").user("cat", "pro")
	q.jobs("ann", 8, 0).jobs("bob", 4, 1).jobs("cat", 1, 2)
	q.must("ann1 ann2 ann3 bob1 bob2 cat1", q.look(3))
	q.end("ann1", "cat1")
	q.must("ann2 ann3 ann4 bob1 bob2 bob3", q.look(4))
}

func TestAThousandJobsOfOneUserDoNotKeepAnothersFirstWaiting(t *testing.T) {
	q := newQueueing(t, 4).user("ann", "pro").user("bob", "pro")
	q.jobs("ann", 1000, 0)
	q.must("ann1 ann2 ann3 ann4", q.look(30))
	q.jobs("bob", 2, 600)
	q.end("ann2")
	q.must("ann1 ann3 ann4 bob1", q.look(601))
	q.end("ann1")
	q.must("ann3 ann4 bob1 bob2", q.look(602))
}

func TestPriorities(t *testing.T) {
	for _, tc := range []struct {
		name  string
		queue func(q *queueing)
		want  string
	}{
		{"of plans go before age", func(q *queueing) { q.jobs("free", 2, 0).jobs("pro", 2, 5) }, "pro1 pro2"},
		{"of jobs are added to those of plans", func(q *queueing) {
			q.jobs("free", 2, 0, having("priority", 11)).jobs("pro", 2, 5)
		}, "free1 free2"},
		{"of jobs order a user's own", func(q *queueing) {
			q.jobs("pro", 2, 0).jobs("pro", 1, 5, having("priority", 1)).jobs("pro", 1, 6, having("priority", 2))
		}, "pro3 pro4"},
		{"may be negative", func(q *queueing) { q.jobs("pro", 1, 0, having("priority", -11)).jobs("free", 2, 5) }, "free1 free2"},
		{"that are equal leave it to turns", func(q *queueing) {
			q.jobs("pro", 2, 0).jobs("other", 2, 5)
		}, "other1 pro1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			q := newQueueing(t, 2).user("free", "free").user("pro", "pro").user("other", "pro")
			tc.queue(q)
			q.must(tc.want, q.look(6))
		})
	}
}

func TestNobodyWaitsForEverBehindBetterPlans(t *testing.T) {
	q := newQueueing(t, 1).user("free", "free").user("idle", "free").user("pro", "pro").user("rich", "pro")
	q.jobs("free", 3, 0)
	for hour := range 2 { // there is always a newer job of a better plan
		q.jobs("pro", 1, hour*50).jobs("rich", 1, hour*50+1)
		q.must(fmt.Sprint("pro", hour+1), q.look(hour*50+1))
		q.end(fmt.Sprint("pro", hour+1))
		q.must(fmt.Sprint("rich", hour+1), q.look(hour*50+2))
		q.end(fmt.Sprint("rich", hour+1))
	}
	q.jobs("pro", 2, 111)
	q.must("free1", q.look(112))
	q.agents["agent"].health.Slots = 2
	q.must("free1 pro3", q.look(400)) // of whom a job runs, nobody ages
	q.end("free1")
	q.must("free2 pro3", q.look(401))
}

func TestSlotsOfAPlan(t *testing.T) {
	q := newQueueing(t, 10).user("free", "free").user("pro", "pro")
	q.jobs("free", 4, 0).jobs("pro", 1, 1)
	q.must("free1 free2 pro1", q.look(2))
	for _, name := range []string{"free3", "free4"} {
		v, _ := q.Board.Verdict(q.id(name))
		if v.Code != collections.CodeQuotaSlots || v.Message != "Waiting: your plan free runs 2 jobs at once." {
			t.Errorf("%s: %+v", name, v)
		}
	}
	q.end("free1")
	q.must("free2 free3 pro1", q.look(3))
	if v, stands := q.Board.Verdict(q.id("free3")); stands {
		t.Errorf("a job that runs has the verdict %+v", v)
	}
	if err := hooks.AssignPlan(q.App, q.users["free"].Id, "pro", time.Time{}); err != nil {
		t.Fatal(err)
	}
	q.must("free2 free3 free4 pro1", q.look(4))
}

func TestAJobThatNobodyCanTakeKeepsNoneOfItsOwnersWaiting(t *testing.T) {
	q := newQueueing(t, 3).user("ann", "pro").user("bob", "pro")
	q.jobs("ann", 500, 0, having("engine", "rare")).jobs("ann", 300, 1).jobs("bob", 1, 2)
	q.must("ann501 ann502 bob1", q.look(3))
	for name, want := range map[string]collections.Code{
		"ann1": collections.CodeEngineMissing, "ann400": collections.CodeEngineMissing, "ann700": collections.CodeNoAgent, "bob1": "",
	} {
		job, err := q.App.FindRecordById("jobs", q.id(name))
		if err != nil {
			t.Fatal(err)
		}
		if v, _ := q.Board.VerdictOf(job); v.Code != want {
			t.Errorf("%s: %+v, not %s", name, v, want)
		}
	}
}

func TestTwoPrivateJobsOfOneTorrentTakeTheirTurns(t *testing.T) {
	q := newQueueing(t, 3).user("ann", "pro").user("bob", "pro")
	same := having("infohash", strings.Repeat("a", 40))
	q.jobs("ann", 1, 0, same).jobs("bob", 1, 1, same).jobs("bob", 1, 2)
	q.must("ann1 bob2", q.look(3))
	if v, _ := q.Board.Verdict(q.id("bob1")); v.Message != "Waiting for another job of the same torrent to end." {
		t.Errorf("got %+v", v)
	}
	q.end("ann1")
	q.must("bob1 bob2", q.look(4))
}

func TestAPausedOrLaterJobIsNotInLine(t *testing.T) {
	q := newQueueing(t, 3).user("ann", "pro")
	q.jobs("ann", 1, 0, having("desired", "pause")).jobs("ann", 1, 0, having("waits_for", "another")).
		jobs("ann", 1, 0, having("next_attempt_at", q.begin.Add(10*time.Minute))).jobs("ann", 1, 1)
	q.must("ann4", q.look(9))
	q.must("ann3 ann4", q.look(10))
}
