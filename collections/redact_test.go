package collections

import (
	"strings"
	"testing"
)

func TestRedact(t *testing.T) {
	const secret = "Zm9vYmFyYmF6cXV4cXV1eA1234"
	for name, c := range map[string]struct{ in, want string }{
		"a file token of the dashboard":    {"/api/files/a/b?thumb=0&token=" + secret + "&x=1", "/api/files/a/b?thumb=0&token=***&x=1"},
		"the link of the set-up":           {"http://localhost/setup#token=" + secret, "http://localhost/setup#token=***"},
		"a signed link of the local store": {"Put \"http://127.0.0.1/storage/objects/a?length=7&signature=" + secret + "\": EOF", "Put \"http://127.0.0.1/storage/objects/a?length=7&signature=***\": EOF"},
		"a presigned URL of S3":            {"https://s3/b/k?X-Amz-Credential=" + secret + "&X-Amz-Expires=60&X-Amz-Signature=" + secret, "https://s3/b/k?X-Amz-Credential=***&X-Amz-Expires=60&X-Amz-Signature=***"},
		"a session cookie":                 {"Cookie: longshore=" + secret + "; a=b", "Cookie: longshore=***; a=b"},
		"a session cookie behind TLS":      {"__Host-longshore=" + secret, "__Host-longshore=***"},
		"an API key":                       {"key lsk_" + strings.ToUpper(secret) + " is unknown", "key lsk_*** is unknown"},
		"an Authorization header":          {"Authorization: Bearer " + secret, "Authorization: Bearer ***"},
		"a token of PocketBase":            {"got eyJhbGciOiJIUzI1NiJ9.eyJpZCI6IjEifQ.c2lnbmF0dXJl here", "got *** here"},
		"a tracker with a person's key":    {"https://tracker/announce?passkey=" + secret, "https://tracker/announce?passkey=***"},
		"what is no secret":                {"GET /api/v1/jobs?status=queued&search=key is a token of longshore", "GET /api/v1/jobs?status=queued&search=key is a token of longshore"},
		"an infohash":                      {strings.Repeat("ab", 20), strings.Repeat("ab", 20)},
	} {
		if got := Redact(c.in); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}
