package storage

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

const (
	callTimeout     = time.Minute      // one call with its retries
	completeTimeout = 15 * time.Minute // some stores copy every part before they answer
	maxAttempts     = 4
	maxRetryWait    = 5 * time.Second
	defaultRegion   = "us-east-1"
)

// S3Config says where an S3-compatible store is and who we are there.
type S3Config struct {
	Endpoint       string // scheme, host and port
	PublicEndpoint string // of the URLs handed out; "" is Endpoint
	Bucket         string
	Region         string // "" is us-east-1
	AccessKey      string
	SecretKey      string
	PathStyle      bool             // bucket in the path instead of the host name
	Now            func() time.Time // signs URLs and is compared with the store's clock; nil is time.Now
}

func (c S3Config) public() string { return cmp.Or(c.PublicEndpoint, c.Endpoint) }

// S3 is a Store in a bucket of an S3-compatible service.
type S3 struct {
	bucket   string
	endpoint string
	now      func() time.Time
	api      *s3.Client
	presign  *s3.PresignClient
	pageSize *int32 // of lists; nil leaves it to the store
}

var _ Store = (*S3)(nil)

// NewS3 answers a store in a bucket that exists already. It sends nothing: Check does.
func NewS3(cfg S3Config) (*S3, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &S3{
		bucket:   cfg.Bucket,
		endpoint: cfg.Endpoint,
		now:      cfg.Now,
		api:      s3.New(cfg.options(cfg.Endpoint)),
		presign:  s3.NewPresignClient(s3.New(cfg.options(cfg.public())), signWith(cfg.Now)),
	}, nil
}

func checkEndpoint(name, endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("%s is %q; it must be a URL like https://host", name, endpoint)
	}
	return nil
}

func (c S3Config) options(endpoint string) s3.Options {
	return s3.Options{
		Region:       cmp.Or(c.Region, defaultRegion),
		BaseEndpoint: &endpoint,
		UsePathStyle: c.PathStyle,
		Credentials:  credentials.NewStaticCredentialsProvider(c.AccessKey, c.SecretKey, ""),
		HTTPClient:   &http.Client{Transport: newTransport(), CheckRedirect: refuseRedirect},
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts = maxAttempts
			o.MaxBackoff = maxRetryWait
		}),
		// The default CRC32 breaks presigned parts on some stores.
		RequestChecksumCalculation:  aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation:  aws.ResponseChecksumValidationWhenRequired,
		DisableS3ExpressSessionAuth: new(true),
	}
}

// newTransport has no time limit on answers: contexts have, as Complete needs a longer one.
func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second,
		IdleConnTimeout:     90 * time.Second,
		MaxIdleConnsPerHost: 32,
		ForceAttemptHTTP2:   true,
	}
}

// refuseRedirect keeps signed requests from being sent elsewhere.
func refuseRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Kind answers "s3".
func (s *S3) Kind() string { return KindS3 }

func call(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, callTimeout)
}
