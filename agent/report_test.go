package agent

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/longshore-project/longshore/collections"
)

func TestReportsAreSplitAtTheirLimit(t *testing.T) {
	const limit = 4 << 10
	var jobs []collections.JobReport
	for i := range 12 {
		jobs = append(jobs, collections.JobReport{JobID: fmt.Sprintf("job%d", i), Attempt: 3, State: collections.AgentDownloading})
	}
	for i := range 100 {
		jobs[4].Parts = append(jobs[4].Parts, collections.PartDone{File: i, Number: 1, Size: 1 << 40, ETag: `"0123456789abcdef0123456789abcdef"`, Key: "objects/x"})
	}
	head := collections.ReportRequest{StartID: "start", Seq: 7, Jobs: []collections.JobReport{}}
	reports := split(head, jobs, limit)
	if len(reports) < 3 {
		t.Fatalf("there are %d reports", len(reports))
	}
	seen := map[string]bool{}
	next := 0
	for _, report := range reports {
		head.Jobs = report
		if b, err := json.Marshal(head); err != nil || len(b) > limit {
			t.Errorf("a report has %d bytes: %v", len(b), err)
		}
		for _, job := range report {
			seen[job.JobID] = true
			for _, p := range job.Parts {
				if p.File != next {
					t.Fatalf("part %d came where %d was due", p.File, next)
				}
				next++
			}
		}
	}
	if len(seen) != len(jobs) || next != 100 {
		t.Errorf("%d of %d jobs and %d of 100 parts were told", len(seen), len(jobs), next)
	}
}

func TestSplitLosesNoJobWithoutParts(t *testing.T) {
	head := collections.ReportRequest{Jobs: []collections.JobReport{}}
	if reports := split(head, nil, 1000); len(reports) != 1 || len(reports[0]) != 0 {
		t.Errorf("without jobs a heartbeat is due: %v", reports)
	}
}

func TestReporterKeepsPartsUntilTheyAreAnswered(t *testing.T) {
	r := newReporter(&Agent{})
	first := collections.JobReport{JobID: "job1", Attempt: 2, State: collections.AgentUploading}
	r.begin(first)
	j := &job{req: collections.StartRequest{JobID: "job1", Attempt: 2}}
	for n := range 3 {
		r.add(j, collections.PartDone{Number: n + 1})
	}
	sent := r.snapshot()[0]
	r.add(j, collections.PartDone{Number: 4})
	if again := r.snapshot()[0]; len(sent.Parts) != 3 || len(again.Parts) != 4 {
		t.Errorf("%d parts were sent, then %d", len(sent.Parts), len(again.Parts))
	}
	r.told(sent)
	if left := r.snapshot()[0]; len(left.Parts) != 1 || left.Parts[0].Number != 4 {
		t.Errorf("left are %v", left.Parts)
	}
	stopped := first
	stopped.State = collections.AgentStopped
	r.put(stopped, true)
	r.told(r.snapshot()[0])
	if left := r.snapshot(); len(left) != 0 {
		t.Errorf("the last word was not forgotten: %v", left)
	}
	r.begin(collections.JobReport{JobID: "job1", Attempt: 3})
	r.put(first, false)
	r.add(j, collections.PartDone{Number: 9})
	if left := r.snapshot()[0]; left.Attempt != 3 || len(left.Parts) != 0 {
		t.Errorf("an old attempt spoke for the new one: %+v", left)
	}
}
