package api

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/progress"
)

func (b *browser) files(query string) cursorPage[progress.File] {
	b.s.t.Helper()
	var list cursorPage[progress.File]
	b.call("GET", "/files"+query, nil).into(b.s.t, 200, &list)
	return list
}

func paths(files []progress.File) string {
	var out []string
	for _, f := range files {
		out = append(out, f.Path)
	}
	return strings.Join(out, " ")
}

// shelf makes a job whose files, but the last, are complete, one a minute from start on.
func (b *browser) shelf(name string, start time.Time, files ...testFile) progress.Job {
	b.s.t.Helper()
	job := b.mustCreate(newForm().torrent(torrent(name, append(files, testFile{"missing.txt", 1})...)))
	var rows []struct {
		ID    string `db:"id"`
		Index int    `db:"file_index"`
	}
	if err := b.s.app.DB().Select("id", "file_index").From("files").Where(dbx.HashExp{"job_id": job.ID}).All(&rows); err != nil {
		b.s.t.Fatal(err)
	}
	for _, row := range rows {
		if row.Index == len(files) {
			continue
		}
		b.s.mustStore(row.ID, "hello")
		at := dbx.Params{"updated_at": dbTime(start.Add(time.Duration(row.Index) * time.Minute))}
		if _, err := b.s.app.NonconcurrentDB().Update("files", at, dbx.HashExp{"id": row.ID}).Execute(); err != nil {
			b.s.t.Fatal(err)
		}
	}
	return job
}

func TestListingFilesOfAllJobs(t *testing.T) {
	s := newServer(t)
	ann, bob := s.signedIn("ann@example.com"), s.signedIn("bob@example.com")
	start := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	first := ann.shelf("A", start, testFile{"b_1.mkv", 30}, testFile{"a.MP3", 20})
	ann.shelf("b", start.Add(time.Hour), testFile{"Z.zip", 10}, testFile{"c%.txt", 40}, testFile{"x.unknown", 5})
	bob.shelf("A", start, testFile{"theirs.mkv", 1})
	for _, tc := range []struct {
		query, want string
		total       int
	}{
		{"", "b/x.unknown b/c%.txt b/Z.zip A/a.MP3 A/b_1.mkv", 5},
		{"?sort=updated_at", "A/b_1.mkv A/a.MP3 b/Z.zip b/c%.txt b/x.unknown", 5},
		{"?sort=path", "A/a.MP3 A/b_1.mkv b/c%.txt b/x.unknown b/Z.zip", 5},
		{"?sort=-size_bytes&perPage=2", "b/c%.txt A/b_1.mkv", 5},
		{"?sort=-size_bytes&perPage=2&page=3", "b/x.unknown", 5},
		{"?kind=video", "A/b_1.mkv", 1},
		{"?kind=audio", "A/a.MP3", 1},
		{"?kind=archive", "b/Z.zip", 1},
		{"?kind=text", "b/c%.txt", 1},
		{"?kind=other", "b/x.unknown", 1},
		{"?kind=image", "", 0},
		{"?search=" + url.QueryEscape("B_1"), "A/b_1.mkv", 1},
		{"?search=" + url.QueryEscape("%"), "b/c%.txt", 1},
		{"?search=" + url.QueryEscape(`\`), "", 0},
		{"?job_id=" + first.ID, "A/a.MP3 A/b_1.mkv", 2},
		{"?state=removed", "", 0},
		{"?skipTotal=true&kind=video", "A/b_1.mkv", -1},
	} {
		t.Run(tc.query, func(t *testing.T) {
			if list := ann.files(tc.query); paths(list.Items) != tc.want || list.TotalItems != tc.total {
				t.Errorf("%s of %d", paths(list.Items), list.TotalItems)
			}
		})
	}
	f := ann.files("?kind=video").Items[0]
	if !f.IsComplete || f.RemovedAt != nil || f.UpdatedAt != progress.FormatTime(start) || f.ObjectKey != "" || f.JobID != first.ID {
		t.Errorf("the file is %+v", f)
	}
	if got := ann.call("DELETE", "/jobs/"+first.ID, nil); got.status != 204 {
		t.Fatal(string(got.body))
	}
	if list := ann.files(""); list.TotalItems != 3 {
		t.Errorf("after its job was deleted: %s", paths(list.Items))
	}
}

func TestCursorOfFilesNeitherSkipsNorRepeats(t *testing.T) {
	s := newServer(t)
	b := s.signedIn("ann@example.com")
	var files []testFile
	for i := range 11 {
		files = append(files, testFile{fmt.Sprintf("%c%02d", "aA"[i%2], i), int64(i / 4)})
	}
	b.shelf("T", time.Now(), files...)
	for sort := range fileSorts {
		for _, sort := range []string{sort, "-" + sort} {
			whole, seen, after := b.files("?sort="+sort), []progress.File{}, ""
			for {
				page := b.files("?perPage=3&sort=" + sort + after)
				seen = append(seen, page.Items...)
				if page.Next == nil {
					break
				}
				after = "&after=" + *page.Next
			}
			if len(seen) != 11 || !slices.Equal(strings.Fields(paths(seen)), strings.Fields(paths(whole.Items))) {
				t.Errorf("%s: pages have %s, the list has %s", sort, paths(seen), paths(whole.Items))
			}
		}
	}
}

func TestRemovingAFile(t *testing.T) {
	s := newServer(t)
	b := s.signedIn("ann@example.com")
	job := b.shelf("T", time.Now(), testFile{"a", 30}, testFile{"b", 20})
	list := b.files("?sort=path")
	path := "/files/" + list.Items[0].ID
	b.call("DELETE", path, nil).want(t, 409, collections.CodeIllegalTransition)
	b.call("POST", "/jobs/"+job.ID+"/cancel", nil)
	reserved := func() int {
		row, err := s.app.FindRecordById("jobs", job.ID)
		if err != nil {
			t.Fatal(err)
		}
		return row.GetInt("reserved_bytes")
	}
	if n := reserved(); n != 50 {
		t.Fatalf("the job counts %d bytes", n)
	}
	object, audits, events := s.objectOf(list.Items[0].ID), s.count("audit_logs", nil), s.count("job_events", nil)
	st := b.stream()
	b.subscribe(st, []string{"files/*"})
	for range 2 { // the second changes nothing
		if got := b.call("DELETE", path, nil); got.status != 204 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	if line := st.until(t, `"path":"T/a"`); !strings.Contains(line, `"is_complete":false`) || strings.Contains(line, `"removed_at":null`) {
		t.Errorf("browsers hear %s", line)
	}
	if got := s.audits(list.Items[0].ID); got != "file.delete" || s.count("audit_logs", nil) != audits+1 || s.count("job_events", nil) != events+1 {
		t.Errorf("the audit says %q", got)
	}
	if n := reserved(); n != 20 {
		t.Errorf("the job counts %d bytes", n)
	}
	if n := s.count("objects", dbx.HashExp{"id": object, "state": string(collections.ObjectDeleting)}); n != 1 {
		t.Error("its object stays")
	}
	if got, gone := paths(b.files("").Items), b.files("?state=removed").Items; got != "T/b" || len(gone) != 1 || gone[0].RemovedAt == nil {
		t.Errorf("there are %s, and gone are %+v", got, gone)
	}
	if node := b.tree(job.ID, "").Items[0].Children[0]; node.RemovedAt == nil || node.IsComplete {
		t.Errorf("in the tree it is %+v", node)
	}
	b.call("POST", path+"/signed-url", nil).want(t, 409, collections.CodeFileIncomplete)
	missing := b.tree(job.ID, "").Items[0].Children[2]
	b.call("DELETE", "/files/"+missing.ID, nil).want(t, 409, collections.CodeFileIncomplete)
}

func (s *server) objectOf(fileID string) string {
	s.t.Helper()
	row, err := s.app.FindRecordById("files", fileID)
	if err != nil {
		s.t.Fatal(err)
	}
	return row.GetString("object_id")
}

func TestAnObjectThatAnotherJobNeedsOutlivesARemovedFile(t *testing.T) {
	s := newServer(t)
	ann, bob := s.signedIn("ann@example.com"), s.signedIn("bob@example.com")
	job := ann.shelf("T", time.Now(), testFile{"a", 30})
	bob.shelf("T", time.Now(), testFile{"a", 30})
	mine, theirs := ann.files("").Items[0].ID, bob.files("").Items[0].ID
	object := s.objectOf(mine)
	if _, err := s.app.NonconcurrentDB().Update("files", dbx.Params{"object_id": object}, dbx.HashExp{"id": theirs}).Execute(); err != nil {
		t.Fatal(err)
	}
	ann.call("POST", "/jobs/"+job.ID+"/cancel", nil)
	if got := ann.call("DELETE", "/files/"+mine, nil); got.status != 204 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if n := s.count("objects", dbx.HashExp{"id": object, "state": string(collections.ObjectStored)}); n != 1 {
		t.Error("the object is gone")
	}
	var l link
	bob.call("POST", "/files/"+theirs+"/signed-url", nil).into(t, 200, &l)
	if got := fetch(t, l.URL); string(got.body) != "hello" {
		t.Errorf("bob gets %d %s", got.status, got.body)
	}
}
