package storage

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/longshore-project/longshore/collections"
)

const signatureParam = "signature"

// link is what a signed URL of the local kind permits.
type link struct {
	method   string // GET serves HEAD too
	key      string
	upload   string // with a part
	part     int
	length   int64 // of a PUT
	delivery Delivery
}

// PresignPart signs a PUT of one part of an upload.
func (l *Local) PresignPart(_ context.Context, key, uploadID string, number int, length int64, ttl time.Duration) (SignedURL, error) {
	if err := checkPut(key, length); err != nil {
		return SignedURL{}, err
	}
	return l.sign(l.cfg.PartURL(), link{method: http.MethodPut, key: key, upload: uploadID, part: number, length: length}, ttl), nil
}

// PresignPut signs a PUT of an object. It may be repeated, but not replace other bytes.
func (l *Local) PresignPut(_ context.Context, key string, length int64, _ Meta, ttl time.Duration) (SignedURL, error) {
	if err := checkPut(key, length); err != nil {
		return SignedURL{}, err
	}
	return l.sign(l.cfg.PartURL(), link{method: http.MethodPut, key: key, length: length}, ttl), nil
}

// PublicOrigin answers that of LocalConfig.PublicURL.
func (l *Local) PublicOrigin() string { return originOf(l.cfg.PublicURL()) }

// originOf cuts path and query off.
func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// PresignGet signs a GET, and the delivery with it.
func (l *Local) PresignGet(_ context.Context, key string, d Delivery, ttl time.Duration) (SignedURL, error) {
	if err := checkKey(key); err != nil {
		return SignedURL{}, err
	}
	return l.sign(l.cfg.PublicURL(), link{method: http.MethodGet, key: key, delivery: d}, ttl), nil
}

// sign makes a URL whose query, key and method are all covered by the signature.
func (l *Local) sign(base string, k link, ttl time.Duration) SignedURL {
	expires := l.cfg.Now().Add(ttl)
	q := k.values()
	q.Set("expires", strconv.FormatInt(expires.Unix(), 10))
	q.Set(signatureParam, l.signature(k.method, k.key, q))
	return SignedURL{
		URL:       strings.TrimSuffix(base, "/") + StoragePath + k.key + "?" + q.Encode(),
		Headers:   map[string]string{},
		ExpiresAt: time.Unix(expires.Unix(), 0),
	}
}

func (k link) values() url.Values {
	q := url.Values{}
	if k.method == http.MethodPut {
		q.Set("length", strconv.FormatInt(k.length, 10))
		if k.upload != "" {
			q.Set("upload", k.upload)
			q.Set("part", strconv.Itoa(k.part))
		}
		return q
	}
	q.Set("filename", k.delivery.Filename)
	q.Set("type", k.delivery.ContentType)
	if k.delivery.Inline {
		q.Set("inline", "1")
	}
	if k.delivery.Account != "" {
		q.Set("account", k.delivery.Account)
	}
	return q
}

// signature covers q as Encode sorts and escapes it, so that no two queries look alike.
func (l *Local) signature(method, key string, q url.Values) string {
	mac := hmac.New(sha256.New, l.cfg.Key)
	mac.Write([]byte(method + "\n" + key + "\n" + q.Encode()))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// openLink answers what the request's URL permits, forbidden when it is altered or expired.
func (l *Local) openLink(r *http.Request) (link, error) {
	k := link{method: r.Method}
	if k.method == http.MethodHead {
		k.method = http.MethodGet
	}
	key, ok := strings.CutPrefix(r.URL.Path, StoragePath)
	q, err := url.ParseQuery(r.URL.RawQuery)
	if !ok || err != nil || checkKey(key) != nil || len(q[signatureParam]) != 1 {
		return k, errAltered()
	}
	given := q.Get(signatureParam)
	q.Del(signatureParam)
	if !hmac.Equal([]byte(given), []byte(l.signature(k.method, key, q))) {
		return k, errAltered()
	}
	k.key = key
	return k, k.read(q, l.cfg.Now())
}

// read takes the fields of a query whose signature is right.
func (k *link) read(q url.Values, now time.Time) error {
	expires, err := strconv.ParseInt(q.Get("expires"), 10, 64)
	if err != nil {
		return errAltered()
	}
	if now.Unix() >= expires {
		return collections.Errorf(collections.CodeForbidden, "this link has expired")
	}
	k.upload = q.Get("upload")
	k.part, _ = strconv.Atoi(q.Get("part"))
	k.length, _ = strconv.ParseInt(q.Get("length"), 10, 64)
	k.delivery = Delivery{Filename: q.Get("filename"), ContentType: q.Get("type"), Inline: q.Get("inline") == "1", Account: q.Get("account")}
	return nil
}

func errAltered() error {
	return collections.Errorf(collections.CodeForbidden, "this link is not as it was signed")
}
