package api

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/dbx"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/progress"
	"github.com/longshore-project/longshore/storage"
)

type testTree struct {
	Items []testNode `json:"items"`
	Next  *string    `json:"next"`
}

type testNode struct {
	progress.File
	Name          string     `json:"name"`
	FileCount     int        `json:"file_count"`
	CompleteCount int        `json:"complete_count"`
	Children      []testNode `json:"children"`
}

func (b *browser) tree(jobID, query string) testTree {
	b.s.t.Helper()
	var t testTree
	b.call("GET", "/jobs/"+jobID+"/files"+query, nil).into(b.s.t, 200, &t)
	return t
}

// outline writes a tree in one line: folders with size, files with index.
func outline(nodes []testNode) string {
	var parts []string
	for _, n := range nodes {
		if n.ID == "" {
			parts = append(parts, fmt.Sprintf("%s/%d(%s)", n.Name, n.SizeBytes, outline(n.Children)))
		} else {
			parts = append(parts, fmt.Sprintf("%s#%d", n.Name, n.Index))
		}
	}
	return strings.Join(parts, " ")
}

var testFiles = []testFile{{"b/x", 1}, {"a", 2}, {"b/c/d/ü🚢", 4}, {"b/c/e", 8}, {"b-", 16}, {"z", 0}, {"b/y", 32}}

func TestTreeOfASmallJobIsWhole(t *testing.T) {
	s := newServer(t)
	b := s.signedIn("ann@example.com")
	job := b.mustCreate(newForm().torrent(torrent("T", testFiles...)))
	got := b.tree(job.ID, "")
	if want := "T/63(b/45(x#0 c/12(d/4(ü🚢#2) e#3) y#6) a#1 b-#4 z#5)"; outline(got.Items) != want || got.Next != nil {
		t.Errorf("tree %s", outline(got.Items))
	}
	if path := got.Items[0].Children[0].Children[1].Children[0].Children[0].Path; path != "T/b/c/d/ü🚢" {
		t.Errorf("path %q", path)
	}
	empty := b.mustCreate(map[string]any{"magnet": magnetA})
	if got := b.tree(empty.ID, ""); len(got.Items) != 0 {
		t.Errorf("a magnet has files: %s", outline(got.Items))
	}
}

func TestTreeOneLevelAtATime(t *testing.T) {
	s := newServer(t)
	b := s.signedIn("ann@example.com")
	job := b.mustCreate(newForm().torrent(torrent("T", testFiles...)))
	for parent, want := range map[string]string{
		"": "T/63()", "T": "a#1 b-#4 b/45() z#5", "T/b": "c/12() x#0 y#6", "T/b/c": "d/4() e#3", "T/b/c/d": "ü🚢#2",
		"T/a": "", "nothing": "", "%25": "", "T/b/": "",
	} {
		if got := outline(b.tree(job.ID, "?parent="+parent).Items); got != want {
			t.Errorf("below %q: %s instead of %s", parent, got, want)
		}
	}
	b.call("GET", "/jobs/"+job.ID+"/files?after=rubbish", nil).want(t, 400, collections.CodeInvalidInput)
	b.call("GET", "/jobs/"+job.ID+"/files?depth=2", nil).want(t, 400, collections.CodeInvalidInput)
}

func TestTreeOfALargeJobIsPaged(t *testing.T) {
	s := newServer(t)
	b := s.signedIn("ann@example.com")
	var files []testFile
	for i := range collections.WholeTreeFiles + 1 {
		files = append(files, testFile{fmt.Sprintf("%04d", i), 1})
	}
	job := b.mustCreate(newForm().torrent(torrent("T", files...)))
	top := b.tree(job.ID, "")
	if got := outline(top.Items); got != "T/1001()" || top.Items[0].FileCount != len(files) {
		t.Fatalf("top: %s", got)
	}
	first := b.tree(job.ID, "?parent=T")
	if len(first.Items) != 1000 || first.Next == nil {
		t.Fatalf("%d nodes, next %v", len(first.Items), first.Next)
	}
	second := b.tree(job.ID, "?parent=T&after="+*first.Next)
	if outline(second.Items) != "1000#1000" || second.Next != nil {
		t.Errorf("then %s, next %v", outline(second.Items), second.Next)
	}
}

func TestPagesOfALevelMakeTheWhole(t *testing.T) {
	s := newServer(t)
	b := s.signedIn("ann@example.com")
	job := b.mustCreate(newForm().torrent(torrent("T", append(testFiles, testFile{"q/1/2", 1}, testFile{"q/1/3", 1}, testFile{"q/2", 1})...)))
	level := func(limit int, after string) *tree {
		l, err := newLevel(s.app, job.ID, "T", after)
		if err != nil {
			t.Fatal(err)
		}
		l.limit = limit
		page, err := l.read(collections.RoleUser)
		if err != nil {
			t.Fatal(err)
		}
		return page
	}
	whole := level(100, "").Items
	if len(whole) != 5 {
		t.Fatalf("the level has %d nodes", len(whole))
	}
	for limit := 1; limit <= len(whole); limit++ {
		var got []any
		page := level(limit, "")
		for ; page.Next != nil; page = level(limit, *page.Next) {
			got = append(got, page.Items...)
		}
		got = append(got, page.Items...)
		if fmt.Sprint(got) != fmt.Sprint(whole) {
			t.Errorf("pages of %d: %v instead of %v", limit, got, whole)
		}
	}
}

// store puts content into the store as the file's object.
func (s *server) mustStore(fileID, content string) {
	s.t.Helper()
	file, err := s.app.FindRecordById("files", fileID)
	if err != nil {
		s.t.Fatal(err)
	}
	key := "objects/" + file.GetString("object_id") + "/1-a"
	if _, err := s.store.Put(s.t.Context(), key, []byte(content), storage.Meta{}); err != nil {
		s.t.Fatal(err)
	}
	for table, change := range map[string]dbx.Params{
		"objects": {"key": key, "state": string(collections.ObjectStored)}, "files": {"is_complete": true, "revision": 2},
	} {
		id := map[string]string{"objects": file.GetString("object_id"), "files": fileID}[table]
		if _, err := s.app.NonconcurrentDB().Update(table, change, dbx.HashExp{"id": id}).Execute(); err != nil {
			s.t.Fatal(err)
		}
	}
}

func TestSignedURLDeliversACompleteFile(t *testing.T) {
	s := newServer(t)
	b := s.signedIn("ann@example.com")
	job := b.mustCreate(newForm().torrent(torrent("T", testFile{"a/<b> ü.html", 5}, testFile{"c.txt", 5})))
	nodes := b.tree(job.ID, "").Items[0].Children
	page, text := nodes[0].Children[0].ID, nodes[1].ID
	path := "/files/" + page + "/signed-url"
	b.call("POST", path, nil).want(t, 409, collections.CodeFileIncomplete)
	s.mustStore(page, "hello")
	s.mustStore(text, "hello")
	for _, tc := range []struct {
		id          string
		body        any
		disposition string
	}{
		{page, nil, "attachment"},
		{page, map[string]string{"disposition": "inline"}, "attachment"},
		{text, map[string]string{}, "attachment"},
		{text, map[string]string{"disposition": "inline"}, "inline"},
	} {
		var l link
		b.call("POST", "/files/"+tc.id+"/signed-url", tc.body).into(t, 200, &l)
		if at, err := time.Parse(time.RFC3339, l.ExpiresAt); err != nil || at.Sub(s.clock.now()).Round(time.Minute) != defaultLinkTTL {
			t.Errorf("it expires at %s", l.ExpiresAt)
		}
		got := fetch(t, l.URL)
		if got.status != 200 || string(got.body) != "hello" || !strings.HasPrefix(got.header.Get("Content-Disposition"), tc.disposition) {
			t.Errorf("delivered %d %q as %q", got.status, got.body, got.header.Get("Content-Disposition"))
		}
		if strings.Contains(got.header.Get("Content-Type"), "html") {
			t.Errorf("active content: %s", got.header.Get("Content-Type"))
		}
	}
	b.call("POST", path, map[string]string{"disposition": "download"}).want(t, 400, collections.CodeInvalidInput)
	var l link
	b.call("POST", path, nil).into(t, 200, &l)
	if got := fetch(t, l.URL+"0"); got.status != 403 {
		t.Errorf("an altered link: %d", got.status)
	}
	s.clock.advance(defaultLinkTTL + time.Second)
	if got := fetch(t, l.URL); got.status != 403 {
		t.Errorf("an expired link: %d", got.status)
	}
}

// fetch gets a link as somebody without cookie or key.
func fetch(t testing.TB, url string) answer {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, body}
}

func TestSigningTheFilesOfAJob(t *testing.T) {
	s := newServer(t)
	b := s.signedIn("ann@example.com")
	job := b.mustCreate(newForm().torrent(torrent("T", testFile{"a", 5}, testFile{"b", 5})))
	nodes := b.tree(job.ID, "").Items[0].Children
	s.mustStore(nodes[1].ID, "hello")
	path := "/jobs/" + job.ID + "/signed-urls"
	for _, body := range []any{nil, map[string]any{}, map[string]any{"files": []string{nodes[1].ID}}} {
		var list page[fileLink]
		b.call("POST", path, body).into(t, 200, &list)
		if len(list.Items) != 1 || list.Items[0].Path != "T/b" || string(fetch(t, list.Items[0].URL).body) != "hello" {
			t.Errorf("links %+v", list)
		}
	}
	b.call("POST", path, map[string]any{"files": []string{nodes[0].ID}}).want(t, 409, collections.CodeFileIncomplete)
	b.call("POST", path, map[string]any{"files": []string{"zzzzzzzzzzzzzzz"}}).want(t, 404, collections.CodeNotFound)
	b.call("POST", path, map[string]any{"files": []string{}}).want(t, 400, collections.CodeInvalidInput)
}

func TestObjectKeysAreForAdmins(t *testing.T) {
	s := newServer(t)
	for _, role := range []collections.Role{collections.RoleUser, collections.RoleAdmin} {
		b := s.signedInAs(string(role)+"@example.com", role)
		job := b.mustCreate(newForm().torrent(torrent("T", testFile{"a", 5})))
		s.mustStore(b.tree(job.ID, "").Items[0].Children[0].ID, "hello")
		for _, query := range []string{"", "?parent=T"} {
			got := b.call("GET", "/jobs/"+job.ID+"/files"+query, nil)
			if shown := strings.Contains(string(got.body), `"object_key":"objects/`); shown != (role == collections.RoleAdmin) {
				t.Errorf("%s%s: shown is %v", role, query, shown)
			}
		}
	}
}
