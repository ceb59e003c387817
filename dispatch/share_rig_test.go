package dispatch_test

import (
	"bytes"
	"crypto/sha1"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/doctor"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

// genuine builds a torrent of the bytes that body answers, with their true hashes.
func genuine(t testing.TB, name string, files ...testFile) *collections.Metainfo {
	t.Helper()
	fake := metainfo(t, name, files...)
	var all []byte
	for i, f := range files {
		all = append(all, body(i, f.size)...)
	}
	var pieces []byte
	for piece := range slices.Chunk(all, int(fake.PieceLength)) {
		sum := sha1.Sum(piece)
		pieces = append(pieces, sum[:]...)
	}
	key := fmt.Appendf(nil, "6:pieces%d:", len(pieces))
	at := bytes.Index(fake.InfoBytes, key) + len(key)
	m, err := collections.ParseInfo(slices.Concat(fake.InfoBytes[:at], pieces, fake.InfoBytes[at+len(pieces):]))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (r *rig) newUser(name string) *core.Record {
	r.t.Helper()
	return hookstest.MustCreateUser(r.t, r.app, name+"@example.com", collections.RoleUser)
}

func (r *rig) waitsFor(jobID string) string { return r.find("jobs", jobID).GetString("waits_for") }

func (r *rig) untilWaits(jobID, runner string) {
	r.t.Helper()
	r.until("job "+jobID+" waits for "+runner, func() bool { return r.waitsFor(jobID) == runner })
}

// mustBeSound lets doctor read everything.
func (r *rig) mustBeSound() {
	r.t.Helper()
	result, err := doctor.Run(r.t.Context(), r.app, r.store, doctor.Options{Deep: true, Now: r.clock.Now})
	r.must(err)
	if !result.OK() {
		var found strings.Builder
		r.must(result.Write(&found))
		r.t.Fatal(found.String())
	}
}

// mustHave compares what a completed job has with the torrent's bytes.
func (r *rig) mustHave(jobID string, m *collections.Metainfo) {
	r.t.Helper()
	for _, f := range m.Files {
		if !bytes.Equal(r.content(jobID, f.Index), body(f.Index, f.Size)) {
			r.t.Errorf("file %d of job %s differs", f.Index, jobID)
		}
	}
	job := r.find("jobs", jobID)
	if size := job.GetInt64("size_bytes"); job.GetInt64("stored_bytes") != size || job.GetInt64("reserved_bytes") != size || size == 0 {
		r.t.Errorf("its figures are %v", job.PublicExport())
	}
}

func (r *rig) count(table string, where ...dbx.Expression) int {
	r.t.Helper()
	n, err := r.app.CountRecords(table, where...)
	r.must(err)
	return int(n)
}

func (r *rig) set(setting string, value any) {
	r.t.Helper()
	_, err := r.app.NonconcurrentDB().Update("settings", dbx.Params{setting: value}, nil).Execute()
	r.must(err)
}

// rest uploads what the start says is not stored yet, and says that all is there.
func (a *testAgent) rest(start collections.StartRequest, m *collections.Metainfo) {
	a.r.t.Helper()
	recorded := map[collections.PartRef]bool{}
	for _, p := range start.Stored.Parts {
		for _, n := range p.Numbers {
			recorded[collections.PartRef{File: p.File, Number: n}] = true
		}
	}
	var done []collections.PartDone
	for _, f := range m.Files {
		if wanted := start.Selection == nil || slices.Contains(start.Selection, f.Index); !wanted || slices.Contains(start.Stored.Files, f.Index) {
			continue
		}
		done = append(done, a.parts(start, f.Index, f.Size, func(n int) bool { return !recorded[collections.PartRef{File: f.Index, Number: n}] })...)
	}
	a.report(in(collections.AgentUploading, start, done...))
}

// parts uploads those parts of a file that pick names, from 1.
func (a *testAgent) parts(start collections.StartRequest, index int, size int64, pick func(number int) bool) []collections.PartDone {
	a.r.t.Helper()
	partSize, whole := collections.PartSize(size), body(index, size)
	var done []collections.PartDone
	for n := range collections.PartCount(size, partSize) {
		if !pick(n + 1) {
			continue
		}
		offset, length := collections.PartRange(size, partSize, n+1)
		url := a.urls(start, false, collections.PartRef{File: index, Number: n + 1})[0]
		done = append(done, a.put(url, whole[offset:offset+length]))
	}
	return done
}

func only(number int) func(int) bool { return func(n int) bool { return n == number } }

// shared is a torrent that a first job is half way through and that a second, another user's, waits for.
type shared struct {
	*rig
	m             *collections.Metainfo
	agent         *testAgent
	start         collections.StartRequest // of the first
	first, second *core.Record
	other         *core.Record // owner of the second
}

const sharedLarge = 8<<20 + 4096 // two parts

// newShared has file 0 stored, a part of file 1 recorded, and file 2 not begun.
func newShared(t *testing.T, r *rig) *shared {
	t.Helper()
	s := &shared{rig: r, m: genuine(t, "t", testFile{"small", 1000}, testFile{"large", sharedLarge}, testFile{"last", 2000}), other: r.newUser("b")}
	s.agent = r.newAgent(false)
	s.agent.report()
	s.first = r.addTorrent(r.user, s.m, nil)
	s.start = s.agent.started(1)
	s.second = r.addTorrent(s.other, s.m, nil)
	r.untilWaits(s.second.Id, s.first.Id)
	small := s.agent.parts(s.start, 0, 1000, only(1))
	s.agent.report(downloading(s.start, append(small, s.agent.parts(s.start, 1, sharedLarge, only(2))...)...))
	r.untilComplete(s.first.Id, 0)
	return s
}

// mustTakeOver has the second go on with what the first left, to the end.
func (s *shared) mustTakeOver(agent *testAgent, n int) {
	s.t.Helper()
	start := agent.started(n)
	if start.JobID != s.second.Id {
		s.t.Fatalf("job %s was started instead of %s", start.JobID, s.second.Id)
	}
	if !slices.Equal(start.Stored.Files, []int{0}) || len(start.Stored.Parts) != 1 || !slices.Equal(start.Stored.Parts[0].Numbers, []int{2}) {
		s.t.Fatalf("it begins with %+v", start.Stored)
	}
	agent.rest(start, s.m)
	s.untilStatus(s.second.Id, collections.StatusCompleted)
	s.mustHave(s.second.Id, s.m)
	s.mustFold(s.second.Id)
}

func (r *rig) delete(table, id string) {
	r.t.Helper()
	r.must(hooks.InTransaction(r.app, func(tx core.App) error {
		record, err := tx.FindRecordById(table, id)
		if err != nil {
			return err
		}
		return tx.Delete(record)
	}))
}
