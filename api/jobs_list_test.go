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

func (b *browser) list(query string) jobPage {
	b.s.t.Helper()
	var list jobPage
	b.call("GET", "/jobs"+query, nil).into(b.s.t, 200, &list)
	return list
}

func names(jobs []progress.Job) (out []string) {
	for _, j := range jobs {
		out = append(out, j.Name)
	}
	return out
}

// jobsOfAnHour makes jobs "job 0" to "job n-1", one a minute from start on.
func (b *browser) jobsOfAnHour(n int, start time.Time) {
	b.s.t.Helper()
	for i := range n {
		id := b.mustCreate(map[string]any{"magnet": magnet(i), "label": fmt.Sprintf("l%d", i%2)}).ID
		_, err := b.s.app.NonconcurrentDB().Update("jobs", dbx.Params{
			"created_at": dbTime(start.Add(time.Duration(i) * time.Minute)), "size_bytes": 1000 * (i % 3),
		}, dbx.HashExp{"id": id}).Execute()
		if err != nil {
			b.s.t.Fatal(err)
		}
	}
}

func TestListingJobs(t *testing.T) {
	s := newServer(t)
	b := s.signedIn("ann@example.com")
	start := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	b.jobsOfAnHour(7, start)
	if got := b.call("POST", "/jobs/"+b.list("?search=job+3").Items[0].ID+"/pause", nil); got.status != 200 {
		t.Fatal(string(got.body))
	}
	at := func(minute int) string {
		return url.QueryEscape(start.Add(time.Duration(minute) * time.Minute).Format(time.RFC3339))
	}
	for _, tc := range []struct {
		query string
		want  string
		total int
	}{
		{"", "6 5 4 3 2 1 0", 7},
		{"?sort=created_at", "0 1 2 3 4 5 6", 7},
		{"?sort=-name&perPage=2", "6 5", 7},
		{"?sort=-name&perPage=2&page=4", "0", 7},
		{"?page=9", "", 7},
		{"?status=paused", "3", 1},
		{"?status=paused,queued", "6 5 4 3 2 1 0", 7},
		{"?status=completed", "", 0},
		{"?label=l1", "5 3 1", 3},
		{"?created_after=" + at(5), "6 5", 2},
		{"?created_before=" + at(2), "1 0", 2},
		{"?created_after=" + at(2) + "&created_before=" + at(4), "3 2", 2},
		{"?search=JOB+4", "4", 1},
		{"?search=" + fmt.Sprintf("%039x", 5), "4", 1},
		{"?search=%25", "", 0},
		{"?skipTotal=true", "6 5 4 3 2 1 0", -1},
	} {
		t.Run(tc.query, func(t *testing.T) {
			list := b.list(tc.query)
			got := strings.ReplaceAll(strings.Join(names(list.Items), " "), "job ", "")
			if got != tc.want || list.TotalItems != tc.total {
				t.Errorf("%s of %d", got, list.TotalItems)
			}
		})
	}
}

func TestListRefusesWhatItDoesNotKnow(t *testing.T) {
	s := newServer(t)
	b := s.signedIn("ann@example.com")
	for _, query := range []string{
		"?sort=user_id", "?sort=(select 1)", "?perPage=201", "?perPage=0", "?perPage=x", "?page=0", "?status=dead", "?created_after=yesterday",
		"?skipTotal=x", "?filter=id!=''", "?expand=user_id", "?after=rubbish", "?after=eyJzIjoibmFtZSJ9", "?after=x&page=2",
		"?after=" + (&cursor{Sort: "-created_at", Values: []any{map[string]any{}}}).String(),
		"?search=" + strings.Repeat("x", 256),
	} {
		t.Run(query, func(t *testing.T) {
			b.call("GET", "/jobs"+strings.ReplaceAll(query, " ", "%20"), nil).want(t, 400, collections.CodeInvalidInput)
		})
	}
}

func TestCursorNeitherSkipsNorRepeats(t *testing.T) {
	s := newServer(t)
	b := s.signedIn("ann@example.com")
	b.jobsOfAnHour(20, time.Now().Add(-time.Hour))
	for _, sort := range []string{"created_at", "-created_at", "name", "-name", "size_bytes", "-size_bytes", "status", "-status"} {
		t.Run(sort, func(t *testing.T) {
			whole := names(b.list("?sort=" + sort).Items)
			page := b.list("?perPage=3&sort=" + sort)
			seen := names(page.Items)
			for page.Next != nil {
				page = b.list("?perPage=3&sort=" + sort + "&after=" + *page.Next)
				seen = append(seen, names(page.Items)...)
			}
			if !slices.Equal(seen, whole) {
				t.Errorf("pages have %v, the list has %v", seen, whole)
			}
		})
	}
}

func TestSearchTakesWhatIsWrittenLiterally(t *testing.T) {
	s := newServer(t)
	b := s.signedIn("ann@example.com")
	for i, name := range []string{"a_b", "aXb", "50%", `c\d`, "Ünder", "it's"} {
		b.mustCreate(map[string]any{"magnet": fmt.Sprintf("magnet:?xt=urn:btih:%040x&dn=%s", i+1, url.QueryEscape(name))})
	}
	for search, want := range map[string]string{
		"A_B": "a_b", "%": "50%", "_": "a_b", `\`: `c\d`, "ünder": "", "Ünder": "Ünder", "nder": "Ünder", "'": "it's", `"`: "", "x": "aXb", "x' OR '1'='1": "",
	} {
		if got := strings.Join(names(b.list("?search="+url.QueryEscape(search)).Items), " "); got != want {
			t.Errorf("%s finds %q instead of %q", search, got, want)
		}
	}
}

func TestNamesAreInTheOrderOfTheirLetters(t *testing.T) {
	s := newServer(t)
	b := s.signedIn("ann@example.com")
	for i, name := range []string{"b", "A", "C", "a", "B"} {
		b.mustCreate(map[string]any{"magnet": fmt.Sprintf("magnet:?xt=urn:btih:%040x&dn=%s", i+1, name)})
	}
	for sort, want := range map[string]string{"name": "aabbc", "-name": "cbbaa"} {
		if got := strings.ToLower(strings.Join(names(b.list("?sort="+sort).Items), "")); got != want {
			t.Errorf("%s is %s", sort, got)
		}
	}
}

// What was there when a list was begun comes once, though jobs of one moment come and go before the cursor.
func TestCursorHoldsWhileJobsComeAndGo(t *testing.T) {
	at := time.Now().Add(-time.Hour)
	for sort, front := range map[string]dbx.Params{
		"created_at": {"created_at": dbTime(at.Add(-time.Hour))}, "-created_at": {"created_at": dbTime(at.Add(time.Hour))},
		"size_bytes": {"size_bytes": 1}, "-size_bytes": {"size_bytes": 9}, "status": {"status": "cancelled"},
	} {
		t.Run(sort, func(t *testing.T) {
			s := newServer(t)
			b := s.signedIn("ann@example.com")
			b.jobsOfAnHour(20, at)
			s.mustUpdate("jobs", dbx.Params{"created_at": dbTime(at), "size_bytes": 7}, nil)
			page := b.list("?perPage=3&sort=" + sort)
			seen := names(page.Items)
			for i := 100; page.Next != nil; i++ {
				b.call("DELETE", "/jobs/"+page.Items[0].ID, nil)
				s.mustUpdate("jobs", front, dbx.HashExp{"id": b.mustCreate(map[string]any{"magnet": magnet(i)}).ID})
				page = b.list("?perPage=3&sort=" + sort + "&after=" + *page.Next)
				seen = append(seen, names(page.Items)...)
			}
			slices.Sort(seen)
			if len(seen) != 20 || len(slices.Compact(seen)) != 20 || strings.Contains(strings.Join(seen, " "), "job 100") {
				t.Errorf("seen: %v", seen)
			}
		})
	}
}

func (s *server) mustUpdate(table string, columns dbx.Params, where dbx.Expression) {
	s.t.Helper()
	if _, err := s.app.NonconcurrentDB().Update(table, columns, where).Execute(); err != nil {
		s.t.Fatal(err)
	}
}
