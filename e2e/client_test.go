package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"
	"time"
)

const (
	email    = "ada@example.com"
	password = "correct horse battery"
)

// client is a signed-in user of the HTTP API.
type client struct {
	t     testing.TB
	email string
	url   string
	http  *http.Client
	csrf  string
}

type job struct {
	ID          string `json:"id"`
	Status      string `json:"status"`
	Name        string `json:"name"`
	Attempt     int    `json:"attempt"`
	SizeBytes   int64  `json:"size_bytes"`
	DoneBytes   int64  `json:"done_bytes"`
	StoredBytes int64  `json:"stored_bytes"`
	Error       string `json:"error"`
	ErrorCode   string `json:"error_code"`
}

type node struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Path       string `json:"path"`
	SizeBytes  int64  `json:"size_bytes"`
	IsComplete bool   `json:"is_complete"`
	Children   []node `json:"children"`
}

// signIn makes the user by the command line and signs in.
func signIn(t testing.TB, s *server) *client { return signInAs(t, s, email) }

func signInAs(t testing.TB, s *server, email string) *client {
	t.Helper()
	s.command(t, password+"\n", "user", "upsert", email, "--plan", "unlimited")
	c := &client{t: t, email: email, url: s.url}
	c.login()
	return c
}

func (c *client) login() {
	c.t.Helper()
	jar, _ := cookiejar.New(nil)
	c.http = &http.Client{Jar: jar, Timeout: time.Minute}
	var out struct {
		CSRF string `json:"csrf_token"`
	}
	c.mustJSON("POST", "/auth/login", map[string]string{"email": c.email, "password": password}, 200, &out)
	c.csrf = out.CSRF
	c.acceptPolicy()
}

// acceptPolicy does what the app asks for at the first sign-in.
func (c *client) acceptPolicy() {
	c.t.Helper()
	var config struct {
		AUP struct {
			Version string `json:"version"`
		} `json:"aup"`
	}
	c.mustJSON("GET", "/config", nil, 200, &config)
	c.mustJSON("POST", "/auth/accept-aup", map[string]string{"version": config.AUP.Version}, 204, nil)
}

// call sends a request and answers status and body.
func (c *client) call(method, path, contentType string, body io.Reader) (int, []byte, error) {
	req, err := http.NewRequest(method, c.url+"/api/v1"+path, body)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("X-CSRF-Token", c.csrf)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, b, err
}

// json sends in and decodes the answer into out when the status is the wanted one.
func (c *client) json(method, path string, in any, want int, out any) error {
	var body io.Reader
	contentType := ""
	if in != nil {
		b, _ := json.Marshal(in)
		body, contentType = bytes.NewReader(b), "application/json"
	}
	status, b, err := c.call(method, path, contentType, body)
	if err != nil {
		return err
	}
	if status != want {
		return fmt.Errorf("%s %s answered %d instead of %d: %s", method, path, status, want, b)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(b, out)
}

func (c *client) mustJSON(method, path string, in any, want int, out any) {
	c.t.Helper()
	if err := c.json(method, path, in, want, out); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) addMagnet(magnet string) job {
	c.t.Helper()
	var j job
	c.mustJSON("POST", "/jobs", map[string]any{"magnet": magnet}, 201, &j)
	return j
}

func (c *client) addTorrent(metainfo []byte) job {
	c.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, _ := form.CreateFormFile("torrent", "payload.torrent")
	part.Write(metainfo)
	form.Close()
	status, b, err := c.call("POST", "/jobs", form.FormDataContentType(), &body)
	if err != nil || status != 201 {
		c.t.Fatalf("POST /jobs answered %d: %s %v", status, b, err)
	}
	var j job
	if err := json.Unmarshal(b, &j); err != nil {
		c.t.Fatal(err)
	}
	return j
}

func (c *client) job(id string) (job, error) {
	var out struct {
		Job job `json:"job"`
	}
	err := c.json("GET", "/jobs/"+id, nil, 200, &out)
	return out.Job, err
}

// waitDone waits until at least share of the job's bytes are verified.
func (c *client) waitDone(id string, share float64, limit time.Duration) job {
	c.t.Helper()
	var j job
	eventually(c.t, fmt.Sprintf("%.0f %% of job %s", share*100, id), limit, func() (err error) {
		if j, err = c.job(id); err != nil {
			return err
		}
		if j.SizeBytes == 0 || float64(j.DoneBytes) < share*float64(j.SizeBytes) {
			return fmt.Errorf("%+v", j)
		}
		return nil
	})
	return j
}

// waitStatus waits for a status; it fails at once when the job ended otherwise.
func (c *client) waitStatus(id, status string, limit time.Duration) job {
	c.t.Helper()
	var j job
	eventually(c.t, "job "+id+" "+status, limit, func() (err error) {
		if j, err = c.job(id); err != nil {
			return err
		}
		if j.Status == "failed" && status != "failed" {
			c.t.Fatalf("the job failed: %+v", j)
		}
		if j.Status != status {
			return fmt.Errorf("%+v", j)
		}
		return nil
	})
	return j
}

// files answers the job's files by path.
func (c *client) files(id string) map[string]node {
	c.t.Helper()
	var tree struct {
		Items []node `json:"items"`
	}
	c.mustJSON("GET", "/jobs/"+id+"/files", nil, 200, &tree)
	all := map[string]node{}
	var walk func([]node)
	walk = func(nodes []node) {
		for _, n := range nodes {
			if n.ID != "" {
				all[n.Path] = n
			}
			walk(n.Children)
		}
	}
	walk(tree.Items)
	return all
}

func (c *client) signedURL(fileID string) string {
	c.t.Helper()
	var out struct {
		URL string `json:"url"`
	}
	c.mustJSON("POST", "/files/"+fileID+"/signed-url", map[string]any{}, 200, &out)
	return out.URL
}

// mustMatch fetches every file of the job through its signed link, without cookie, and compares it with its SHA-256.
func (c *client) mustMatch(id string, want map[string]string) {
	c.t.Helper()
	files := c.files(id)
	if len(files) != len(want) {
		c.t.Errorf("the job has %d files instead of %d: %v", len(files), len(want), files)
	}
	for path, sum := range want {
		f, ok := files[path]
		if !ok || !f.IsComplete {
			c.t.Errorf("%q: missing or not complete: %+v", path, f)
			continue
		}
		if got := fetchSum(c.t, c.signedURL(f.ID)); got != sum {
			c.t.Errorf("%q: SHA-256 is %s instead of %s", path, got, sum)
		}
	}
}

// fetchSum downloads with a client that has neither cookie nor key.
func fetchSum(t testing.TB, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 {
		b, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
		t.Fatalf("GET of a signed link answered %d: %s", resp.StatusCode, b)
	}
	if d := resp.Header.Get("Content-Disposition"); !strings.HasPrefix(d, "attachment") {
		t.Errorf("Content-Disposition is %q", d)
	}
	h := sha256.New()
	if _, err := io.Copy(h, resp.Body); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// get answers an error unless the URL answers 200.
func get(url string) error {
	resp, err := http.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 {
		return fmt.Errorf("%s answered %d", url, resp.StatusCode)
	}
	return nil
}
