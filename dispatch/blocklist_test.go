package dispatch_test

import (
	"bytes"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

func (r *rig) block(app core.App, infohash string) {
	r.t.Helper()
	table, err := app.FindCollectionByNameOrId("blocklist")
	r.must(err)
	row := core.NewRecord(table)
	row.Set("infohash", infohash)
	r.must(app.Save(row))
}

func (r *rig) mustBeBlocked(jobID string) {
	r.t.Helper()
	if job := r.untilStatus(jobID, collections.StatusFailed); job.GetString("error_code") != string(collections.CodeInfohashBlocked) {
		r.t.Errorf("it failed as %v", job.PublicExport())
	}
}

// hybrid makes a v1 torrent one that has a v2 infohash too.
func hybrid(t testing.TB, m *collections.Metainfo) *collections.Metainfo {
	t.Helper()
	both, err := collections.ParseInfo(bytes.Replace(m.InfoBytes, []byte("4:name"), []byte("12:meta versioni2e4:name"), 1))
	if err != nil {
		t.Fatal(err)
	}
	if both.InfohashV2 == "" {
		t.Fatal("it is no hybrid")
	}
	return both
}

func TestARunningJobOfABlockedTorrentStopsAtItsAgent(t *testing.T) {
	r, a, start := running(t)
	r.block(r.app, start.Infohash)
	r.mustBeBlocked(start.JobID)
	if stop := a.stopped(1); stop.JobID != start.JobID || stop.KeepData {
		t.Errorf("the agent was told %+v", stop)
	}
	r.until("nothing of its unfinished file is in the store", func() bool { _, uploads := r.inStore(); return uploads == 0 })
}

func TestAMagnetOfABlockedTorrentFailsBeforeAByteIsFetched(t *testing.T) {
	for name, infohash := range map[string]func(*collections.Metainfo) string{
		"its v2 infohash is blocked": func(m *collections.Metainfo) string { return m.InfohashV2 },
		"its v1 infohash is blocked": func(m *collections.Metainfo) string { return string(m.Infohash) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			a := r.newAgent(false)
			a.report()
			m := hybrid(t, metainfo(t, "t", testFile{"a", 1000}))
			job := r.addMagnet(m)
			start := a.started(1)
			other := hookstest.SecondApp(t, r.app) // what it blocks ends no job yet: only the metadata tells
			r.block(other, infohash(m))
			var reply collections.MetainfoReply
			err := a.send("PUT", "/api/v1/jobs/"+start.JobID+"/metainfo?attempt=1", m.InfoBytes, &reply)
			if err != nil || reply.Code != collections.CodeJobEnded {
				t.Errorf("answered %+v, %v", reply, err)
			}
			r.mustBeBlocked(job.Id)
			if got := r.find("jobs", job.Id).GetString("infohash_v2"); got != m.InfohashV2 {
				t.Errorf("its v2 infohash is %q", got)
			}
		})
	}
}

func TestWhatAnotherProcessBlocksEndsAtTheNextSweep(t *testing.T) {
	r := newSweepingRig(t)
	a := r.newAgent(false)
	a.report()
	m := metainfo(t, "t", testFile{"a", 1000})
	runs := r.addTorrent(r.user, m, nil)
	a.started(1)
	r.block(hookstest.SecondApp(t, r.app), string(m.Infohash))
	r.mustBeBlocked(runs.Id)
	a.stopped(1)
}

func TestWhatWasBlockedWhileTheControlPlaneWasDownEndsWhenItStarts(t *testing.T) {
	r := newSweepingRig(t)
	m := metainfo(t, "t", testFile{"a", 1000})
	job := r.addTorrent(r.user, m, nil)
	_, err := hooks.Pause(t.Context(), r.app, job.Id)
	r.must(err)
	r.Stop()
	r.block(hookstest.SecondApp(t, r.app), string(m.Infohash))
	r.start()
	r.mustBeBlocked(job.Id)
}
