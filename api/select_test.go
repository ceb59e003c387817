package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"

	"github.com/longshore-project/longshore/collections"
)

func TestSelectingFiles(t *testing.T) {
	s := newServer(t)
	b := s.signedIn("ann@example.com")
	form := newForm("select_files", "true").torrent(torrent("T", testFile{"a", 10}, testFile{"b", 20}, testFile{"c", 40}))
	job := b.mustCreate(form)
	if job.Status != collections.StatusAwaitingSelection {
		t.Fatalf("it is %s", job.Status)
	}
	st := b.stream()
	b.subscribe(st, []string{"files/*"})
	path := "/jobs/" + job.ID + "/select"
	b.call("POST", path, map[string]any{"selection": []int{7}}).want(t, 400, collections.CodeInvalidInput)
	b.call("POST", path, map[string]any{"selection": []int{}}).want(t, 400, collections.CodeInvalidInput)
	b.call("POST", path, map[string]any{"selection": []int{2, 0, 0}}).into(t, 200, &job)
	if job.Status != collections.StatusQueued || job.SizeBytes != 50 {
		t.Errorf("now %+v", job)
	}
	if line := st.until(t, `"path":"T/b"`); !strings.Contains(line, `"selected":false`) {
		t.Errorf("heard %s", line)
	}
	if counts := b.detail(job.ID).FileCounts; counts != (fileCounts{Total: 3, Selected: 2}) {
		t.Errorf("files %+v", counts)
	}
	if n, err := s.app.CountRecords("objects"); n != 0 || err != nil {
		t.Errorf("%d objects before the job counts its files, %v", n, err)
	}
	b.call("POST", path, map[string]any{"selection": "all"}).want(t, 409, collections.CodeIllegalTransition)
}

// many is a .torrent whose file rows take two transactions.
func many() []byte {
	files := make([]testFile, collections.FileRowsPerTx+500)
	for i := range files {
		files[i] = testFile{fmt.Sprintf("%04d", i), 1}
	}
	return torrent("Many", files...)
}

func TestSelectingFilesThatACrashLeftOut(t *testing.T) {
	s := newServer(t)
	b := s.signedIn("ann@example.com")
	job := b.mustCreate(newForm("select_files", "true").torrent(many()))
	rest := dbx.NewExp("job_id = {:job} AND file_index >= {:first}", dbx.Params{"job": job.ID, "first": collections.FileRowsPerTx})
	if _, err := s.app.NonconcurrentDB().Delete("files", rest).Execute(); err != nil {
		t.Fatal(err)
	}
	b.call("POST", "/jobs/"+job.ID+"/select", map[string]any{"selection": []int{1400}}).into(t, 200, &job)
	if job.Status != collections.StatusQueued || job.SizeBytes != 1 {
		t.Errorf("now %+v", job)
	}
}
