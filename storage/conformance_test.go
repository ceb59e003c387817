package storage_test

import (
	"testing"
	"time"

	"github.com/longshore-project/longshore/storage"
	"github.com/longshore-project/longshore/storage/storetest"
)

func TestLocalIsAStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T, now func() time.Time) storage.Store {
		return storetest.OpenLocal(t, now)
	})
}

func TestS3IsAStore(t *testing.T) {
	server := storetest.StartS3(t)
	storetest.Run(t, func(t *testing.T, now func() time.Time) storage.Store {
		return mustOpenS3(t, server.Bucket(t), now)
	})
}

func mustOpenS3(t *testing.T, cfg storage.S3Config, now func() time.Time) *storage.S3 {
	t.Helper()
	cfg.Now = now
	s, err := storage.NewS3(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
