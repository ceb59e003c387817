package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/doctor"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

// newClockedServer is a server whose hooks go by its clock too.
func newClockedServer(t testing.TB, change ...func(*Config)) *server {
	t.Helper()
	s := newServer(t, change...)
	hooks.UseClock(s.app, s.clock.now)
	return s
}

// mustLimit gives a user a plan of their own, unlimited but for what change sets.
func (s *server) mustLimit(userID string, change func(*collections.Plan)) collections.PlanName {
	s.t.Helper()
	plan := collections.SeededPlans()[2]
	plan.Name = collections.PlanName("of-" + userID)
	change(&plan)
	err := hooks.InTransaction(s.app, func(tx core.App) error {
		plans, err := tx.FindCollectionByNameOrId("plans")
		if err != nil {
			return err
		}
		record := core.NewRecord(plans)
		if old, err := tx.FindFirstRecordByData("plans", "name", string(plan.Name)); err == nil {
			record = old
		}
		record.Load(plan.Columns())
		if err := tx.Save(record); err != nil {
			return err
		}
		return hooks.AssignPlan(tx, userID, plan.Name, time.Time{})
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return plan.Name
}

// mustBeSound lets the doctor look at everything.
func (s *server) mustBeSound() {
	s.t.Helper()
	result, err := doctor.Run(context.Background(), s.app, s.store, doctor.Options{})
	if err != nil || !result.OK() {
		s.t.Errorf("the doctor found %+v, %v", result, err)
	}
}

func (b *browser) usage() (u usage) {
	b.s.t.Helper()
	b.call("GET", "/usage", nil).into(b.s.t, 200, &u)
	return u
}

// plain sends the requests of a storm: checking each answer against the description would take most of the time.
func (b *browser) plain(method, path string, body any) answer {
	r := b.request(method, prefix+path, body)
	resp, err := b.http.Do(r)
	if err != nil {
		b.s.t.Error(err)
		return answer{}
	}
	defer resp.Body.Close()
	read, err := io.ReadAll(resp.Body)
	if err != nil {
		b.s.t.Error(err)
	}
	return answer{resp.StatusCode, resp.Header, read}
}

func TestParallelJobsAtTheEdgeOfAPlan(t *testing.T) {
	const allowed = 7
	s := newClockedServer(t)
	b := s.signedIn("ann@example.com")
	s.mustLimit(b.user.ID, func(p *collections.Plan) { p.MaxJobs = allowed })
	other := hookstest.SecondApp(t, s.app)
	hooks.Bind(other)
	var next, elsewhere atomic.Int64
	var process sync.WaitGroup
	for range 12 { // SQLite serves writers of two processes in no turn: more could starve the others
		process.Go(func() {
			if submitElsewhere(other, b.user.ID, int(next.Add(1))) == nil {
				elsewhere.Add(1)
			}
		})
	}
	made, refused := parallel(200, func() answer {
		return b.plain("POST", "/jobs", map[string]any{"magnet": magnet(1000 + int(next.Add(1)))})
	})
	process.Wait()
	if n := len(made) + int(elsewhere.Load()); n != allowed || s.jobCount() != allowed {
		t.Errorf("%d jobs were accepted, %d of them by the other process, and %d are there", n, elsewhere.Load(), s.jobCount())
	}
	for _, a := range refused {
		a.want(t, 403, collections.CodeQuotaJobs)
	}
	if u := b.usage(); u.JobsActive != allowed || u.JobsLimit != allowed || u.StorageLimit != collections.NoLimit {
		t.Errorf("usage %+v", u)
	}
	s.mustBeSound()
}

// submitElsewhere does what POST /jobs does with a magnet, in another process.
func submitElsewhere(app core.App, owner string, i int) error {
	return hooks.InTransaction(app, func(tx core.App) error {
		jobs, err := tx.FindCollectionByNameOrId("jobs")
		if err != nil {
			return err
		}
		job := core.NewRecord(jobs)
		job.Load(map[string]any{"user_id": owner, "infohash": fmt.Sprintf("%040x", i), "status": "queued", "desired": "run"})
		if err := hooks.AdmitJob(tx, job, hooks.Wants{Infohash: collections.Infohash(job.GetString("infohash"))}); err != nil {
			return err
		}
		return tx.Save(job)
	})
}

func TestParallelTorrentsAtTheEdgeOfTheStorage(t *testing.T) {
	s := newClockedServer(t)
	b := s.signedIn("ann@example.com")
	s.mustLimit(b.user.ID, func(p *collections.Plan) { p.MaxStorageGB = 1 })
	var next atomic.Int64
	made, refused := parallel(24, func() answer {
		name := fmt.Sprint("T", next.Add(1))
		return b.plain("POST", "/jobs", newForm().torrent(torrent(name, testFile{"a", 200_000_000}, testFile{"b", 50_000_000})))
	})
	if len(made) != 4 {
		t.Errorf("%d jobs were accepted", len(made))
	}
	for _, a := range refused {
		a.want(t, 403, collections.CodeQuotaStorage)
	}
	if u := b.usage(); u.StorageUsed != 1_000_000_000 || u.StorageLimit != 1_000_000_000 {
		t.Errorf("usage %+v", u)
	}
	s.mustBeSound()
}

func TestWhatFitsIntoAPlan(t *testing.T) {
	const gb = 1_000_000_000
	for _, tc := range []struct {
		name     string
		fields   []string
		files    []testFile
		code     collections.Code // of the refusal, none when empty
		reserved int64
	}{
		{"exactly all there is", nil, []testFile{{"a", gb - 1}, {"b", 1}}, "", gb},
		{"a byte more", nil, []testFile{{"a", gb - 1}, {"b", 2}}, collections.CodeQuotaStorage, 0},
		{"a byte more, of which only some is wanted", []string{"selection", "[0]"}, []testFile{{"a", gb - 1}, {"b", 2}}, "", gb - 1},
		{"a byte more, by somebody who would rather wait", []string{"wait_for_quota", "true"}, []testFile{{"a", gb - 1}, {"b", 2}}, "", 0},
		{"a byte more, whose files are chosen later", []string{"select_files", "true"}, []testFile{{"a", gb - 1}, {"b", 2}}, "", 0},
		{"a file that is too large", nil, []testFile{{"a", gb + 1}}, collections.CodeQuotaFileSize, 0},
		{"a file that is too large, for which no room is ever made", []string{"wait_for_quota", "true"}, []testFile{{"a", gb + 1}}, collections.CodeQuotaFileSize, 0},
		{"a file that is too large and not wanted", []string{"selection", "[1]"}, []testFile{{"a", gb + 1}, {"b", 5}}, "", 5},
		{"what has no bytes", []string{"selection", "[0]"}, []testFile{{"a", 0}, {"b", 5}}, "", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newClockedServer(t)
			b := s.signedIn("ann@example.com")
			s.mustLimit(b.user.ID, func(p *collections.Plan) { p.MaxStorageGB, p.MaxFileSizeMB = 1, 1000 })
			got := b.call("POST", "/jobs", newForm(tc.fields...).torrent(torrent("T", tc.files...)))
			if tc.code != "" {
				got.want(t, 403, tc.code)
			} else if got.status != 201 {
				t.Fatalf("answered %d: %s", got.status, got.body)
			}
			if u := b.usage(); u.StorageUsed != tc.reserved || (u.JobsActive == 1) != (tc.code == "") {
				t.Errorf("usage %+v", u)
			}
			s.mustBeSound()
		})
	}
}

func TestWhoWouldRatherWaitSaysSo(t *testing.T) {
	s := newClockedServer(t)
	b := s.signedIn("ann@example.com")
	job := b.mustCreate(map[string]any{"magnet": magnetA, "wait_for_quota": true})
	if record, err := s.app.FindRecordById("jobs", job.ID); err != nil || !record.GetBool("wait_for_quota") {
		t.Errorf("it does not wait, %v", err)
	}
	b.call("POST", "/jobs", map[string]any{"magnet": magnet(1), "wait_for_quota": "yes"}).want(t, 400, collections.CodeInvalidInput)
	b.call("POST", "/jobs", newForm("magnet", magnet(1), "wait_for_quota", "yes")).want(t, 400, collections.CodeInvalidInput)
}

func TestChosenFilesAreJudged(t *testing.T) {
	const gb = 1_000_000_000
	s := newClockedServer(t)
	b := s.signedIn("ann@example.com")
	s.mustLimit(b.user.ID, func(p *collections.Plan) { p.MaxStorageGB, p.MaxFileSizeMB = 1, 900 })
	job := b.mustCreate(newForm("select_files", "true").torrent(torrent("T", testFile{"a", 800_000_000}, testFile{"b", 200_000_001}, testFile{"c", gb})))
	path := "/jobs/" + job.ID + "/select"
	b.call("POST", path, map[string]any{"selection": "all"}).want(t, 403, collections.CodeQuotaFileSize)
	b.call("POST", path, map[string]any{"selection": []int{2}}).want(t, 403, collections.CodeQuotaFileSize)
	b.call("POST", path, map[string]any{"selection": []int{0, 1}}).want(t, 403, collections.CodeQuotaStorage)
	if now := b.detail(job.ID); now.Job.Status != collections.StatusAwaitingSelection || now.FileCounts.Selected != 3 {
		t.Errorf("it is %+v", now)
	}
	if u := b.usage(); u.StorageUsed != 0 {
		t.Errorf("a refused choice counts: %+v", u)
	}
	b.call("POST", path, map[string]any{"selection": []int{0}}).into(t, 200, &job)
	if u := b.usage(); u.StorageUsed != 800_000_000 || job.SizeBytes != 800_000_000 {
		t.Errorf("usage %+v of %+v", u, job)
	}
	waits := b.mustCreate(newForm("select_files", "true", "wait_for_quota", "true").torrent(torrent("W", testFile{"a", 300_000_000}, testFile{"b", 1})))
	b.call("POST", "/jobs/"+waits.ID+"/select", map[string]any{"selection": []int{0}}).into(t, 200, &waits)
	if u := b.usage(); u.StorageUsed != 800_000_000 || waits.Status != collections.StatusQueued {
		t.Errorf("usage %+v of %+v", u, waits)
	}
	s.mustBeSound()
}

func TestResumingCountsNothingTwiceAndCancellingGivesBack(t *testing.T) {
	s := newClockedServer(t)
	b := s.signedIn("ann@example.com")
	s.mustLimit(b.user.ID, func(p *collections.Plan) { p.MaxStorageGB, p.MaxJobs = 1, 1 })
	job := b.mustCreate(newForm().torrent(torrent("T", testFile{"a", 700_000_000})))
	for _, wish := range []string{"pause", "resume", "pause", "resume"} {
		b.call("POST", "/jobs/"+job.ID+"/"+wish, nil).into(t, 200, &job)
		if u := b.usage(); u.StorageUsed != 700_000_000 || u.JobsActive != 1 {
			t.Errorf("after %s: %+v", wish, u)
		}
	}
	b.call("POST", "/jobs/"+job.ID+"/cancel", nil).into(t, 200, &job)
	if u := b.usage(); u.StorageUsed != 0 || u.JobsActive != 0 {
		t.Errorf("after its end: %+v", u)
	}
	s.mustBeSound()
	b.mustCreate(newForm().torrent(torrent("T", testFile{"a", 700_000_000})))
}

func TestAPlanThatExpiresFallsBackToFreeAtOnce(t *testing.T) {
	s := newClockedServer(t)
	b := s.signedIn("ann@example.com")
	if err := hooks.AssignPlan(s.app, b.user.ID, collections.PlanPro, s.clock.now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.app.NonconcurrentDB().Update("plans", dbx.Params{"max_storage_gb": 1}, dbx.HashExp{"name": "free"}).Execute(); err != nil {
		t.Fatal(err)
	}
	big := b.mustCreate(newForm().torrent(torrent("T", testFile{"a", 2_000_000_000})))
	for i := range 5 {
		b.mustCreate(map[string]any{"magnet": magnet(i)})
	}
	if u := b.usage(); u.Plan.Name != collections.PlanPro || u.PlanExpiresAt == nil || u.JobsLimit != 25 {
		t.Errorf("before: %+v", u)
	}
	s.clock.advance(time.Hour)
	if u := b.usage(); u.Plan.Name != collections.PlanFree || u.PlanExpiresAt != nil || u.JobsLimit != 5 || u.StorageUsed != 2_000_000_000 || u.JobsActive != 6 {
		t.Errorf("after: %+v", u)
	}
	b.call("POST", "/jobs", map[string]any{"magnet": magnet(9)}).want(t, 403, collections.CodeQuotaJobs)
	if now := b.detail(big.ID); now.Job.Status != collections.StatusQueued {
		t.Errorf("a job that was accepted is %s", now.Job.Status)
	}
	s.mustBeSound()
}

func TestUsageByDay(t *testing.T) {
	s := newClockedServer(t)
	s.clock.set(time.Date(2031, 3, 1, 16, 0, 1, 0, time.FixedZone("west", -8*3600)))
	b := s.signedIn("ann@example.com")
	b.mustCreate(map[string]any{"magnet": magnetA})
	first := time.Date(2031, 2, 28, 23, 59, 59, 0, time.UTC)
	if err := hooks.AddMetrics(s.app, b.user.ID, first, hooks.Metrics{Downloaded: 5, Uploaded: 6, Served: 7}); err != nil {
		t.Fatal(err)
	}
	var list page[usageDay]
	b.call("GET", "/usage/history?days=4", nil).into(t, 200, &list)
	want := []usageDay{{"2031-02-27", 0, 0, 0, 0}, {"2031-02-28", 5, 6, 7, 0}, {"2031-03-01", 0, 0, 0, 0}, {"2031-03-02", 0, 0, 0, 1}}
	if fmt.Sprint(list.Items) != fmt.Sprint(want) || list.TotalItems != 4 {
		t.Errorf("history %+v", list)
	}
	if u := b.usage(); u.BandwidthUsed != 0 || u.PeriodStart != "2031-03-01T00:00:00.000Z" || u.PeriodEnd != "2031-04-01T00:00:00.000Z" {
		t.Errorf("of another month: %+v", u)
	}
	b.call("GET", "/usage/history", nil).into(t, 200, &list)
	if len(list.Items) != 30 {
		t.Errorf("%d days", len(list.Items))
	}
	for _, days := range []string{"0", "367", "x", "-1"} {
		b.call("GET", "/usage/history?days="+days, nil).want(t, 400, collections.CodeInvalidInput)
	}
	if n, err := s.app.CountRecords("usage_metrics_daily", dbx.HashExp{"user_id": b.user.ID}); n != 2 || err != nil {
		t.Errorf("%d rows, %v", n, err)
	}
	if got := s.browser().call("GET", "/usage", nil); got.status != http.StatusUnauthorized {
		t.Errorf("a guest: %d", got.status)
	}
}
