package storetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/longshore-project/longshore/storage"
)

const (
	region     = "us-east-1"
	startTries = 3 // a free port may be taken before the server gets it
	startLimit = 20 * time.Second
)

// S3Server is a real S3 server on loopback that checks signatures and expiry: versitygw
// with its files in a temporary folder.
type S3Server struct {
	Endpoint  string
	AccessKey string
	SecretKey string
	Dir       string // a bucket is a folder here, an object a file
	buckets   atomic.Int64
}

// StartS3 starts a server that ends with the test. It fails the test when versitygw is
// neither there nor can be built.
func StartS3(t testing.TB) *S3Server {
	t.Helper()
	program := versitygw(t)
	s := &S3Server{AccessKey: "AK" + rand.Text(), SecretKey: rand.Text() + rand.Text(), Dir: t.TempDir()}
	var err error
	for range startTries {
		if err = s.start(t, program); err == nil {
			return s
		}
	}
	t.Fatalf("storetest: versitygw does not start: %v", err)
	return nil
}

// Bucket makes an empty bucket and answers how to use it.
func (s *S3Server) Bucket(t testing.TB) storage.S3Config {
	t.Helper()
	cfg := storage.S3Config{
		Endpoint: s.Endpoint, Bucket: fmt.Sprintf("bucket-%d", s.buckets.Add(1)), Region: region,
		AccessKey: s.AccessKey, SecretKey: s.SecretKey, PathStyle: true,
	}
	client := s3.New(s3.Options{
		Region: region, BaseEndpoint: &s.Endpoint, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(s.AccessKey, s.SecretKey, ""),
	})
	if _, err := client.CreateBucket(context.Background(), &s3.CreateBucketInput{Bucket: &cfg.Bucket}); err != nil {
		t.Fatalf("storetest: make a bucket: %v", err)
	}
	return cfg
}

// Env answers the environment with which ConfigFromEnv reads cfg.
func Env(cfg storage.S3Config) []string {
	return []string{
		"LONGSHORE_STORAGE=s3",
		"LONGSHORE_S3_ENDPOINT=" + cfg.Endpoint,
		"LONGSHORE_S3_PUBLIC_ENDPOINT=" + cfg.PublicEndpoint,
		"LONGSHORE_S3_BUCKET=" + cfg.Bucket,
		"LONGSHORE_S3_REGION=" + cfg.Region,
		"LONGSHORE_S3_ACCESS_KEY=" + cfg.AccessKey,
		"LONGSHORE_S3_SECRET_KEY=" + cfg.SecretKey,
		fmt.Sprintf("LONGSHORE_S3_PATH_STYLE=%t", cfg.PathStyle),
	}
}

func (s *S3Server) start(t testing.TB, program string) error {
	addr := freeAddr(t)
	args := append([]string{"--quiet", "--keep-alive", "--port", addr, "--region", region, "posix"}, s.metadata(t)...)
	cmd := exec.Command(program, append(args, s.Dir)...)
	cmd.Env = []string{"ROOT_ACCESS_KEY=" + s.AccessKey, "ROOT_SECRET_KEY=" + s.SecretKey, "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	gone, err := startForLife(t, cmd)
	if err != nil {
		return err
	}
	s.Endpoint = "http://" + addr
	if err := waitForAnswer(s.Endpoint, gone); err != nil {
		return fmt.Errorf("%w\n%s", err, output.String())
	}
	return nil
}

// startForLife starts cmd on a thread that lives as long as it does, since the
// parent-death signal belongs to the thread, and kills it when the test ends.
func startForLife(t testing.TB, cmd *exec.Cmd) (gone <-chan struct{}, err error) {
	started, ended := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
		}
		close(ended)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
	})
	return ended, nil
}

// waitForAnswer polls until the server answers at all.
func waitForAnswer(url string, gone <-chan struct{}) error {
	deadline := time.After(startLimit)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if res, err := http.Get(url); err == nil {
			return res.Body.Close()
		}
		select {
		case <-tick.C:
		case <-gone:
			return fmt.Errorf("it ended by itself")
		case <-deadline:
			return fmt.Errorf("no answer from %s within %s", url, startLimit)
		}
	}
}

// metadata keeps versitygw's metadata beside the files where they cannot bear extended attributes.
func (s *S3Server) metadata(t testing.TB) []string {
	probe := filepath.Join(s.Dir, ".xattr")
	if err := os.WriteFile(probe, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(probe)
	if syscall.Setxattr(probe, "user.longshore", []byte("1"), 0) == nil {
		return nil
	}
	return []string{"--sidecar", t.TempDir()}
}

func freeAddr(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
