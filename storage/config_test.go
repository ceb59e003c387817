package storage_test

import (
	"os"
	"strings"
	"testing"

	"github.com/longshore-project/longshore/storage"
	"github.com/longshore-project/longshore/storage/storetest"
)

func environment(lines ...string) func(string) string {
	env := map[string]string{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, "=")
		env[name] = value
	}
	return func(name string) string { return env[name] }
}

func TestConfigFromEnv(t *testing.T) {
	whole := []string{
		"LONGSHORE_STORAGE=s3", "LONGSHORE_S3_ENDPOINT=https://s3.example.com", "LONGSHORE_S3_BUCKET=b",
		"LONGSHORE_S3_ACCESS_KEY=a", "LONGSHORE_S3_SECRET_KEY=s",
	}
	tests := []struct {
		name string
		env  []string
		want storage.S3Config
		err  string
	}{
		{name: "nothing set is the local kind"},
		{name: "the path style is the default", env: whole, want: storage.S3Config{
			Endpoint: "https://s3.example.com", Bucket: "b", AccessKey: "a", SecretKey: "s", PathStyle: true,
		}},
		{name: "every setting is read", env: append(whole[:5:5],
			"LONGSHORE_S3_PUBLIC_ENDPOINT=https://cdn.example.com", "LONGSHORE_S3_REGION=auto", "LONGSHORE_S3_PATH_STYLE=0"),
			want: storage.S3Config{
				Endpoint: "https://s3.example.com", PublicEndpoint: "https://cdn.example.com", Bucket: "b", Region: "auto",
				AccessKey: "a", SecretKey: "s",
			}},
		{name: "missing settings are named", env: whole[:2],
			err: "LONGSHORE_STORAGE=s3 also needs LONGSHORE_S3_BUCKET, LONGSHORE_S3_ACCESS_KEY, LONGSHORE_S3_SECRET_KEY"},
		{name: "an endpoint without scheme is refused", env: append(whole[:5:5], "LONGSHORE_S3_ENDPOINT=s3.example.com"),
			err: `LONGSHORE_S3_ENDPOINT is "s3.example.com"; it must be a URL like https://host`},
		{name: "a public endpoint without host is refused", env: append(whole[:5:5], "LONGSHORE_S3_PUBLIC_ENDPOINT=https://"),
			err: `LONGSHORE_S3_PUBLIC_ENDPOINT is "https://"; it must be a URL like https://host`},
		{name: "a path style that is neither yes nor no is refused", env: append(whole[:5:5], "LONGSHORE_S3_PATH_STYLE=maybe"),
			err: `LONGSHORE_S3_PATH_STYLE is "maybe"; it may be 1 or 0`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := storage.ConfigFromEnv(environment(tt.env...))
			if tt.err != "" {
				if err == nil || err.Error() != tt.err {
					t.Fatalf("got %v, want %s", err, tt.err)
				}
				return
			}
			wantKind := storage.KindLocal
			if tt.env != nil {
				wantKind = storage.KindS3
			}
			if err != nil || got.Kind != wantKind || got.S3.Endpoint != tt.want.Endpoint || envOf(got.S3) != envOf(tt.want) {
				t.Fatalf("got %+v, %v", got, err)
			}
		})
	}
}

// envOf makes configurations comparable; a clock is none of them.
func envOf(c storage.S3Config) string { return strings.Join(storetest.Env(c), " ") }

func TestOpen(t *testing.T) {
	url := func() string { return "http://127.0.0.1" }
	local := storage.LocalConfig{Dir: t.TempDir(), PartURL: url, PublicURL: url, Key: make([]byte, 32)}
	s3 := storage.S3Config{Endpoint: "http://127.0.0.1:1", Bucket: "b", AccessKey: "a", SecretKey: "s"}
	for _, kind := range []string{storage.KindLocal, storage.KindS3} {
		store, err := storage.Open(storage.Config{Kind: kind, Local: local, S3: s3})
		if err != nil || store.Kind() != kind {
			t.Errorf("%s: %v, %v", kind, store, err)
		}
	}
	if _, err := storage.Open(storage.Config{Kind: "tape"}); err == nil || !strings.Contains(err.Error(), "LONGSHORE_STORAGE") {
		t.Errorf("tape: %v", err)
	}
	if _, err := storage.Open(storage.Config{Kind: storage.KindLocal}); err == nil {
		t.Error("a local store without a directory")
	}
	if _, err := os.Stat(local.Dir + "/objects"); err != nil {
		t.Error(err)
	}
}
