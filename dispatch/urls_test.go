package dispatch_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/storage"
)

func TestALocalAgentLinksAWholeFile(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(true)
	a.report()
	const size = 20 << 20
	m := metainfo(t, "t", testFile{"film.mkv", size})
	job := r.addTorrent(r.user, m, nil)
	start := a.started(1)
	whole := collections.PartRef{File: 0, Number: 0}
	if urls := a.urls(start, false, whole); len(urls) != 0 {
		t.Fatalf("not asked for: %+v", urls)
	}
	urls := a.urls(start, true, whole)
	if len(urls) != 1 || urls[0].LinkPath == "" || urls[0].Key == "" {
		t.Fatalf("got %+v", urls)
	}
	r.must(os.WriteFile(urls[0].LinkPath, body(0, size), 0o444))
	a.report(in(collections.AgentUploading, start, collections.PartDone{Size: size, Key: urls[0].Key}))
	r.untilStatus(job.Id, collections.StatusCompleted)
	if !bytes.Equal(r.content(job.Id, 0), body(0, size)) {
		t.Fatal("the file differs")
	}
}

func TestAForeignAgentGetsNoLinks(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.report()
	r.addTorrent(r.user, metainfo(t, "t", testFile{"a", 10}), nil)
	if urls := a.urls(a.started(1), true, collections.PartRef{}); len(urls) != 0 {
		t.Fatalf("got %+v", urls)
	}
}

func TestURLsAreForTheCurrentAttemptOnly(t *testing.T) {
	r := newRig(t)
	a, b := r.newAgent(false), r.newAgent(false)
	a.report()
	job := r.addTorrent(r.user, metainfo(t, "t", testFile{"a", 20 << 20}), nil)
	a.started(1)
	for name, c := range map[string]struct {
		agent   *testAgent
		job     string
		attempt int64
		file    int
		number  int
		want    collections.Code
	}{
		"an older attempt":        {a, job.Id, 0, 0, 1, collections.CodeAttemptStale},
		"a newer attempt":         {a, job.Id, 2, 0, 1, collections.CodeAttemptStale},
		"another agent":           {b, job.Id, 1, 0, 1, collections.CodeAttemptStale},
		"an unknown job":          {a, "nosuchjobatall1", 1, 0, 1, collections.CodeNotFound},
		"a file it does not have": {a, job.Id, 1, 1, 1, collections.CodeInvalidInput},
		"a part it does not have": {a, job.Id, 1, 0, 4, collections.CodeInvalidInput},
	} {
		t.Run(name, func(t *testing.T) {
			var reply collections.URLsReply
			err := c.agent.post("/api/v1/jobs/"+c.job+"/uploads",
				collections.URLsRequest{Attempt: c.attempt, Parts: []collections.PartRef{{File: c.file, Number: c.number}}}, &reply)
			if collections.CodeOf(err) != c.want || err == nil {
				t.Fatalf("got %v", err)
			}
		})
	}
}

func TestParallelURLRequestsMakeOneUpload(t *testing.T) {
	r := newRig(t)
	a := r.newAgent(false)
	a.report()
	r.addTorrent(r.user, metainfo(t, "t", testFile{"a", 20 << 20}), nil)
	start := a.started(1)
	errs := make(chan error, 8)
	for range 8 {
		go func() {
			var reply collections.URLsReply
			err := a.post("/api/v1/jobs/"+start.JobID+"/uploads", collections.URLsRequest{Attempt: 1, Parts: []collections.PartRef{{File: 0, Number: 1}}}, &reply)
			if err == nil && len(reply.URLs) != 1 {
				err = errors.New("no URL")
			}
			errs <- err
		}()
	}
	for range 8 {
		r.must(<-errs)
	}
	open := 0
	r.must(r.store.ListUploads(context.Background(), func(storage.Unfinished) error { open++; return nil }))
	if n, _ := r.app.CountRecords("uploads"); n != 1 || open != 1 {
		t.Fatalf("%d uploads on record, %d at the store", n, open)
	}
}
