package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/longshore-project/longshore/hooks/hookstest"
)

func TestTheRequestLogKeepsNoSecret(t *testing.T) {
	s := newServer(t)
	const url = "/api/files/torrents/a/b.torrent?download=1&token=eyJhbGciOi.x-y_z&thumb=0&key=lsk_ABCDEFGH2345"
	log := &core.Log{Message: "GET " + url, Data: types.JSONMap[any]{"url": url, "referer": "http://localhost/?token=eyJhbGciOi", "status": 200}}
	log.Id = core.GenerateDefaultRandomId()
	if err := s.app.AuxSaveNoValidate(log); err != nil {
		t.Fatal(err)
	}
	var row core.Log
	if err := s.app.AuxModelQuery(&row).One(&row); err != nil {
		t.Fatal(err)
	}
	stored := fmt.Sprint(row.Message, row.Data)
	if strings.Contains(stored, "eyJ") || strings.Contains(stored, "lsk_A") || !strings.Contains(stored, "token=***&thumb=0") || !strings.Contains(stored, `"status":200`) {
		t.Errorf("the log has %s", stored)
	}
}

// TestNoSecretReachesALog sends every kind of secret where it does not belong, with PocketBase's request log on.
func TestNoSecretReachesALog(t *testing.T) {
	s := newServer(t)
	s.app.Settings().Logs.MaxDays = 1
	ann := s.signedIn("ann@example.com")
	key := ann.apiKey()
	cookie := ann.http.Jar.Cookies(ann.request("GET", "/", nil).URL)[0].Value
	token := s.dashboard().token
	secrets := map[string]string{"an API key": key, "a cookie": cookie, "a superuser's token": token, "a CSRF token": ann.csrf, "a password": hookstest.Password}
	guest := s.browser()
	for _, path := range []string{"/api/v1/jobs?key=" + key, "/api/v1/jobs?x=longshore=" + cookie, "/api/collections?token=" + token, "/api/v1/none?x=1&code=" + ann.csrf} {
		guest.do(guest.request("GET", path, nil, func(r *http.Request) { r.Header.Set("Referer", s.url+path) }))
	}
	s.program(key+"x").call("GET", "/jobs", nil)
	guest.do(guest.request("POST", "/api/collections/_superusers/auth-with-password", map[string]string{"identity": "x", "password": hookstest.Password}, header("Authorization", token+"x")))
	ann.call("POST", "/jobs", "{"+key)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		var rows []*core.Log
		must(t, s.app.AuxModelQuery(&core.Log{}).All(&rows))
		all := ""
		for _, row := range rows {
			all += fmt.Sprint(row.Message, row.Data)
		}
		if !strings.Contains(all, "/api/v1/none") || !strings.Contains(all, "auth-with-password") {
			if time.Now().After(deadline) {
				t.Fatalf("the request log has %d rows", len(rows))
			}
			continue
		}
		for name, secret := range secrets {
			if strings.Contains(all, secret) || strings.Contains(s.log.String(), secret) {
				t.Errorf("%s is in a log", name)
			}
		}
		if !strings.Contains(all, "request_id") {
			t.Error("the request log has no request ids")
		}
		return
	}
}
