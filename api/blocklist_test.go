package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/api/wire"
	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

func (b *browser) block(infohash string) wire.Block {
	b.s.t.Helper()
	var block wire.Block
	b.call("POST", "/admin/blocklist", map[string]string{"infohash": infohash, "reason": "asked by its owner"}).into(b.s.t, 201, &block)
	return block
}

func TestAnAdminBlocksTorrents(t *testing.T) {
	s := newServer(t)
	root := s.signedInAs("root@example.com", collections.RoleAdmin)
	v1, v2 := strings.Repeat("a1", 20), strings.Repeat("b2", 32)
	first := root.block(strings.ToUpper(v1))
	if first.Infohash != v1 || first.CreatedBy != root.user.ID || first.Reason == "" {
		t.Errorf("made %+v", first)
	}
	var again wire.Block
	root.call("POST", "/admin/blocklist", map[string]string{"infohash": "UGQ2DINBUGQ2DINBUGQ2DINBUGQ2DINB"}).into(t, 200, &again)
	if again.Id != first.Id || again.Infohash != v1 {
		t.Errorf("the same torrent in base32 is %+v", again)
	}
	root.block("1220" + v2)
	for _, bad := range []string{strings.Repeat("z", 40), strings.Repeat("a", 41), "1221" + v2, strings.Repeat("a", 31)} {
		root.call("POST", "/admin/blocklist", map[string]string{"infohash": bad}).want(t, 400, collections.CodeInvalidInput)
	}
	var list page[wire.Block]
	root.call("GET", "/admin/blocklist", nil).into(t, 200, &list)
	if list.TotalItems != 2 || list.Items[0].Infohash != v2 {
		t.Errorf("listed %+v", list)
	}
	root.call("GET", "/admin/blocklist?search=B2B2&perPage=1&skipTotal=true", nil).into(t, 200, &list)
	if list.TotalItems != -1 || len(list.Items) != 1 || list.Items[0].Infohash != v2 {
		t.Errorf("found %+v", list)
	}
	if got := root.call("DELETE", "/admin/blocklist/"+first.Id, nil); got.status != 204 {
		t.Errorf("%d %s", got.status, got.body)
	}
	root.call("GET", "/admin/blocklist/"+first.Id, nil).want(t, 404, collections.CodeNotFound)
	root.call("DELETE", "/admin/blocklist/"+first.Id, nil).want(t, 404, collections.CodeNotFound)
}

func TestABlockedTorrentIsRefusedInEveryForm(t *testing.T) {
	s := newServer(t)
	root, ann := s.signedInAs("root@example.com", collections.RoleAdmin), s.signedIn("ann@example.com")
	v1, v2 := strings.Repeat("a1", 20), strings.Repeat("b2", 32)
	file := torrent("T", testFile{"a", 1})
	m, err := collections.ParseMetainfo(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, infohash := range []string{v1, v2, string(m.Infohash)} {
		root.block(infohash)
	}
	for name, body := range map[string]any{
		"a magnet by v1":        map[string]string{"magnet": "magnet:?xt=urn:btih:" + strings.ToUpper(v1)},
		"a magnet in base32":    map[string]string{"magnet": "magnet:?xt=urn:btih:UGQ2DINBUGQ2DINBUGQ2DINBUGQ2DINB"},
		"a hybrid magnet by v2": map[string]string{"magnet": "magnet:?xt=urn:btih:" + strings.Repeat("c3", 20) + "&xt=urn:btmh:1220" + strings.ToUpper(v2)},
		"a .torrent":            newForm().torrent(file),
	} {
		got := ann.call("POST", "/jobs", body)
		if got.status != 403 || got.code() != collections.CodeInfohashBlocked {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	ann.call("POST", "/jobs", map[string]string{"magnet": "magnet:?xt=urn:btmh:1220" + v2}).want(t, 400, collections.CodeInvalidMagnet)
	if s.jobCount() != 0 {
		t.Errorf("%d jobs were made", s.jobCount())
	}
	metrics, err := s.app.CountRecords("usage_metrics_daily")
	if err != nil || metrics != 0 {
		t.Errorf("refused jobs are counted: %d, %v", metrics, err)
	}
}

func TestBlockingEndsJobsAndLinks(t *testing.T) {
	s := newServer(t)
	root, ann := s.signedInAs("root@example.com", collections.RoleAdmin), s.signedIn("ann@example.com")
	running := ann.mustCreate(map[string]string{"magnet": magnet(1)})
	done := ann.mustCreate(newForm().torrent(torrent("done", testFile{"a", 5})))
	file := ann.tree(done.ID, "").Items[0].Children[0].ID
	s.mustStore(file, "hello")
	_, err := hooks.ChangeJob(s.app, done.ID, func(_ core.App, job *core.Record) error {
		job.Set("status", string(collections.StatusCompleted))
		return nil
	})
	must(t, err)
	links := func() []answer {
		return []answer{
			ann.call("POST", "/jobs/"+done.ID+"/signed-urls", map[string]any{}),
			ann.call("POST", "/files/"+file+"/signed-url", map[string]any{}),
		}
	}
	for _, got := range links() {
		if got.status != 200 {
			t.Fatalf("before: %d %s", got.status, got.body)
		}
	}
	root.block(running.Infohash)
	block := root.block(done.Infohash)
	now := ann.detail(running.ID)
	if now.Job.Status != collections.StatusFailed || now.Job.ErrorCode != string(collections.CodeInfohashBlocked) {
		t.Errorf("it is %+v", now.Job)
	}
	for _, got := range links() {
		got.want(t, 403, collections.CodeInfohashBlocked)
	}
	root.call("DELETE", "/admin/blocklist/"+block.Id, nil)
	for _, got := range links() {
		if got.status != 200 {
			t.Errorf("after: %d %s", got.status, got.body)
		}
	}
}

func TestAStormOfSubmissionsAgainstABlock(t *testing.T) {
	s := newServer(t)
	root := s.signedInAs("root@example.com", collections.RoleAdmin)
	const users = 24
	begin := make(chan struct{})
	results := make(chan answer, users)
	for i := range users {
		ann := s.signedIn(fmt.Sprintf("u%d@example.com", i))
		go func() {
			<-begin
			results <- ann.call("POST", "/jobs", map[string]string{"magnet": magnet(7)})
		}()
	}
	m, err := collections.ParseMagnet(magnet(7))
	if err != nil {
		t.Fatal(err)
	}
	close(begin)
	root.block(string(m.Infohash))
	for range users {
		if got := <-results; got.status != http.StatusCreated && got.code() != collections.CodeInfohashBlocked {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
	must(t, hooks.EnforceBlocklist(t.Context(), s.app)) // as the dispatcher does after the commit that blocked
	n, err := s.app.CountRecords("jobs", dbx.Not(dbx.HashExp{"status": "failed"}))
	if err != nil || n != 0 {
		t.Errorf("%d jobs of the torrent live on, %v", n, err)
	}
}
