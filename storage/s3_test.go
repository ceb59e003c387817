package storage_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/longshore-project/longshore/storage"
	"github.com/longshore-project/longshore/storage/storetest"
)

func TestS3Check(t *testing.T) {
	server := storetest.StartS3(t)
	tests := []struct {
		name   string
		change func(*storage.S3Config)
		want   string
	}{
		{"a clock 29 s fast is borne", func(c *storage.S3Config) { c.Now = shifted(29 * time.Second) }, ""},
		{"a clock 32 s fast is named", func(c *storage.S3Config) { c.Now = shifted(32 * time.Second) }, "clock"},
		{"a clock a minute slow is named", func(c *storage.S3Config) { c.Now = shifted(-time.Minute) }, "clock"},
		{"a wrong clock is named before the refusal it causes", func(c *storage.S3Config) { c.Now, c.AccessKey = shifted(time.Hour), "nobody" }, "clock"},
		{"a wrong secret is named", func(c *storage.S3Config) { c.SecretKey = "wrong" }, "LONGSHORE_S3_SECRET_KEY"},
		{"an unknown access key is named", func(c *storage.S3Config) { c.AccessKey = "nobody" }, "LONGSHORE_S3_ACCESS_KEY"},
		{"a missing bucket is named", func(c *storage.S3Config) { c.Bucket = "nowhere" }, "has no bucket nowhere"},
		{"a wrong region is named", func(c *storage.S3Config) { c.Region = "mars-1" }, "LONGSHORE_S3_REGION"},
		{"a server that is not there is named", func(c *storage.S3Config) { c.Endpoint = "http://127.0.0.1:1" }, "LONGSHORE_S3_ENDPOINT"},
	}
	cfg := server.Bucket(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := cfg
			tt.change(&cfg)
			err := mustOpenS3(t, cfg, cfg.Now).Check(t.Context())
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func shifted(d time.Duration) func() time.Time {
	return func() time.Time { return time.Now().Add(d) }
}

func TestS3SignsURLsForThePublicEndpoint(t *testing.T) {
	cfg := storetest.StartS3(t).Bucket(t)
	cfg.PublicEndpoint = strings.Replace(cfg.Endpoint, "127.0.0.1", "localhost", 1)
	s := mustOpenS3(t, cfg, nil)
	body := []byte("by another name")
	toPut, err := s.PresignPut(t.Context(), "objects/a", int64(len(body)), storage.Meta{Filename: "a", ContentType: "text/plain"}, time.Minute)
	if err != nil || !strings.HasPrefix(toPut.URL, cfg.PublicEndpoint) {
		t.Fatalf("%s, %v", toPut.URL, err)
	}
	mustPut(t, toPut, body)
	get, err := s.PresignGet(t.Context(), "objects/a", storage.Delivery{Filename: "a"}, time.Minute)
	if err != nil || !strings.HasPrefix(get.URL, cfg.PublicEndpoint) {
		t.Fatalf("%s, %v", get.URL, err)
	}
	res, err := http.Get(get.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if got, err := io.ReadAll(res.Body); err != nil || !bytes.Equal(got, body) {
		t.Fatalf("%d %q, %v", res.StatusCode, got, err)
	}
}

// TestS3KeepsNameAndType: some stores ignore the delivery of a presigned GET.
func TestS3KeepsNameAndType(t *testing.T) {
	cfg := storetest.StartS3(t).Bucket(t)
	s := mustOpenS3(t, cfg, nil)
	meta := storage.Meta{ContentType: "video/mp4", Filename: "ä.mp4"}
	u, err := s.PresignPut(t.Context(), "objects/one", 1, meta, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	mustPut(t, u, []byte("x"))
	delete(u.Headers, "Content-Disposition")
	if res, err := put(u, []byte("x")); err != nil || res.StatusCode != 403 {
		t.Errorf("without the signed Content-Disposition: %v, %v", res, err)
	}
	client := s3.New(s3.Options{
		Region: cfg.Region, BaseEndpoint: &cfg.Endpoint, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(cfg.AccessKey, cfg.SecretKey, ""),
	})
	mustUpload(t, s, "objects/many", []byte("x"), meta)
	for _, key := range []string{"objects/one", "objects/many"} {
		out, err := client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &cfg.Bucket, Key: &key})
		if err != nil {
			t.Fatal(err)
		}
		if *out.ContentType != "video/mp4" || *out.ContentDisposition != `attachment; filename="_.mp4"; filename*=UTF-8''%C3%A4.mp4` {
			t.Errorf("%s: %s, %s", key, *out.ContentType, *out.ContentDisposition)
		}
	}
}

func TestS3CompleteAfterLostAnswers(t *testing.T) {
	cfg := storetest.StartS3(t).Bucket(t)
	begin := func(t *testing.T, s storage.Store, body string) (id string, parts []storage.Part) {
		id, err := s.CreateUpload(t.Context(), "objects/a", int64(len(body)), 5<<20, storage.Meta{})
		if err != nil {
			t.Fatal(err)
		}
		return id, []storage.Part{mustPutPart(t, s, "objects/a", id, 1, []byte(body))}
	}
	t.Run("the SDK asks again when the connection breaks after the store has done it", func(t *testing.T) {
		proxy := newProxy(t, cfg.Endpoint, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		s := proxy.open(t, cfg)
		id, parts := begin(t, s, "first")
		proxy.left.Store(1)
		if info, err := s.Complete(t.Context(), "objects/a", id, parts); err != nil || info.Size != 5 {
			t.Fatalf("%+v, %v", info, err)
		}
		if left := proxy.left.Load(); left >= 0 {
			t.Fatalf("the answer came at once, %d", left)
		}
	})
	t.Run("an error inside a 200 is an error", func(t *testing.T) {
		proxy := newProxy(t, cfg.Endpoint, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/xml")
			fmt.Fprint(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>InternalError</Code><Message>we failed</Message></Error>`)
		})
		s := proxy.open(t, cfg)
		id, parts := begin(t, s, "second")
		proxy.left.Store(always)
		if info, err := s.Complete(t.Context(), "objects/a", id, parts); err == nil || !strings.Contains(err.Error(), "we failed") {
			t.Fatalf("%+v, %v", info, err)
		}
	})
	t.Run("of an upload that is gone the object decides", func(t *testing.T) {
		s := mustOpenS3(t, cfg, nil)
		gone, parts := begin(t, s, "third")
		done, _ := begin(t, s, "third")
		if err := s.Abort(t.Context(), "objects/a", gone); err != nil {
			t.Fatal(err)
		}
		if info, err := s.Complete(t.Context(), "objects/a", gone, parts); !errors.Is(err, storage.ErrNoUpload) {
			t.Fatalf("with another object there: %+v, %v", info, err)
		}
		if _, err := s.Complete(t.Context(), "objects/a", done, parts); err != nil {
			t.Fatal(err)
		}
		if info, err := s.Complete(t.Context(), "objects/a", gone, parts); err != nil || info.Size != 5 {
			t.Fatalf("with the same object there: %+v, %v", info, err)
		}
	})
}

// TestS3ReadsEveryPageOfAList leaves out ListUploads, whose second page versitygw 1.8.0 refuses.
func TestS3ReadsEveryPageOfAList(t *testing.T) {
	s := mustOpenS3(t, storetest.StartS3(t).Bucket(t), nil)
	s.SetPageSize(2)
	const many = 5
	id, err := s.CreateUpload(t.Context(), "objects/many", many, 1, storage.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range many {
		if _, err := s.Put(t.Context(), fmt.Sprintf("objects/%d", i), []byte("x"), storage.Meta{}); err != nil {
			t.Fatal(err)
		}
		mustPutPart(t, s, "objects/many", id, i+1, []byte("x"))
	}
	objects := 0
	if err := s.List(t.Context(), storage.KeyPrefix, func(storage.Info) error { objects++; return nil }); err != nil || objects != many {
		t.Errorf("%d objects, %v", objects, err)
	}
	if parts, err := s.ListParts(t.Context(), "objects/many", id); err != nil || len(parts) != many || parts[many-1].Number != many {
		t.Errorf("%d parts, %v", len(parts), err)
	}
}

func mustUpload(t *testing.T, s storage.Store, key string, body []byte, meta storage.Meta) {
	t.Helper()
	id, err := s.CreateUpload(t.Context(), key, int64(len(body)), 5<<20, meta)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Complete(t.Context(), key, id, []storage.Part{mustPutPart(t, s, key, id, 1, body)}); err != nil {
		t.Fatal(err)
	}
}

func mustPutPart(t *testing.T, s storage.Store, key, id string, number int, body []byte) storage.Part {
	t.Helper()
	u, err := s.PresignPart(t.Context(), key, id, number, int64(len(body)), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return storage.Part{Number: number, Size: int64(len(body)), ETag: mustPut(t, u, body)}
}

// mustPut answers the ETag.
func mustPut(t *testing.T, u storage.SignedURL, body []byte) string {
	t.Helper()
	res, err := put(u, body)
	if err != nil || res.StatusCode != 200 {
		t.Fatalf("PUT answered %v, %v", res, err)
	}
	return res.Header.Get("ETag")
}

func put(u storage.SignedURL, body []byte) (*http.Response, error) {
	req, err := http.NewRequest(http.MethodPut, u.URL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, value := range u.Headers {
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	return res, res.Body.Close()
}
