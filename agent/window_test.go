package agent

import (
	"testing"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/plugins"
	"github.com/longshore-project/longshore/plugins/enginetest"
)

func TestPartsAreUploadedWhileTheDownloadRuns(t *testing.T) {
	t.Parallel()
	cp := newControlPlane(t)
	s := newSwarm(t, enginetest.SeederOptions{Rate: 24 * mib}, enginetest.PayloadFile{Name: "big.bin", Size: 64 * mib})
	j := cp.job("job1")
	a := realAgent(cp, t.TempDir())
	a.mustStart(s.start("job1", 1))
	cp.await("two of eight parts are in the store", func() bool { return len(j.puts) >= 2 })
	if sent := s.seeder.Sent(); sent > s.TotalSize*3/4 {
		t.Errorf("by then %d of %d bytes had been fetched", sent, s.TotalSize)
	}
	s.seeder.SetRate(0)
	cp.await("the job is complete", func() bool { return j.ended })
	cp.checkStored(j, s)
}

func TestPiecesThatNobodyHasHoldNoOtherPartUp(t *testing.T) {
	t.Parallel()
	cp := newControlPlane(t)
	lack := []plugins.Range{{Begin: 0, End: 5 * 4}} // 5 MiB of the first part
	s := newSwarm(t, enginetest.SeederOptions{Lack: lack}, enginetest.PayloadFile{Name: "big.bin", Size: 40 * mib})
	j := cp.job("job1")
	a := realAgent(cp, t.TempDir())
	a.mustStart(s.start("job1", 1))
	cp.await("all parts but the first are told", func() bool { return len(j.done) == 4 })
	seen := cp.see(j)
	if _, first := seen.done[collections.PartRef{File: 0, Number: 1}]; first || seen.last.State != collections.AgentDownloading {
		t.Errorf("told were %v in state %s", seen.done, seen.last.State)
	}
}

func TestAJobWithoutPeersSaysSo(t *testing.T) {
	t.Parallel()
	cp := newControlPlane(t)
	s := newSwarm(t, enginetest.SeederOptions{}, enginetest.PayloadFile{Name: "f", Size: mib})
	s.seeder.Close()
	j := cp.job("job1")
	a := realAgent(cp, t.TempDir(), func(a *Agent) { a.limits.lonely = 0 })
	a.mustStart(s.start("job1", 1))
	cp.await("the lack of peers is told", func() bool { return j.last.Code == collections.CodeNoPeers })
	if told := cp.see(j).last; told.State != collections.AgentFetchingMetadata || told.Peers != 0 {
		t.Errorf("told was %+v", told)
	}
}
