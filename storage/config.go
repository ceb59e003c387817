package storage

import (
	"fmt"
	"strconv"
	"strings"
)

// Kinds of store, the values of LONGSHORE_STORAGE.
const (
	KindLocal = "local"
	KindS3    = "s3"
)

// Config chooses a store.
type Config struct {
	Kind  string
	S3    S3Config
	Local LocalConfig
}

// Open answers the store that cfg chooses. It sends nothing: Check does.
func Open(cfg Config) (Store, error) {
	switch cfg.Kind {
	case KindLocal:
		return NewLocal(cfg.Local)
	case KindS3:
		return NewS3(cfg.S3)
	}
	return nil, fmt.Errorf("LONGSHORE_STORAGE is %q; it may be %q or %q", cfg.Kind, KindLocal, KindS3)
}

// ConfigFromEnv reads LONGSHORE_STORAGE (default local) and LONGSHORE_S3_…. Local is
// the caller's to fill in. Region defaults to us-east-1 (R2 takes "auto"); the bucket goes
// into the path unless LONGSHORE_S3_PATH_STYLE=0. An error names the settings that are missing.
func ConfigFromEnv(getenv func(string) string) (Config, error) {
	cfg := Config{Kind: getenv("LONGSHORE_STORAGE")}
	if cfg.Kind == "" {
		cfg.Kind = KindLocal
	}
	if cfg.Kind != KindS3 {
		return cfg, nil
	}
	cfg.S3 = S3Config{
		Endpoint:       getenv("LONGSHORE_S3_ENDPOINT"),
		PublicEndpoint: getenv("LONGSHORE_S3_PUBLIC_ENDPOINT"),
		Bucket:         getenv("LONGSHORE_S3_BUCKET"),
		Region:         getenv("LONGSHORE_S3_REGION"),
		AccessKey:      getenv("LONGSHORE_S3_ACCESS_KEY"),
		SecretKey:      getenv("LONGSHORE_S3_SECRET_KEY"),
		PathStyle:      true,
	}
	if v := getenv("LONGSHORE_S3_PATH_STYLE"); v != "" {
		on, err := strconv.ParseBool(v)
		if err != nil {
			return cfg, fmt.Errorf("LONGSHORE_S3_PATH_STYLE is %q; it may be 1 or 0", v)
		}
		cfg.S3.PathStyle = on
	}
	return cfg, cfg.S3.check()
}

// check names the settings as the operator knows them.
func (c S3Config) check() error {
	var missing []string
	for _, s := range []struct{ name, value string }{
		{"LONGSHORE_S3_ENDPOINT", c.Endpoint},
		{"LONGSHORE_S3_BUCKET", c.Bucket},
		{"LONGSHORE_S3_ACCESS_KEY", c.AccessKey},
		{"LONGSHORE_S3_SECRET_KEY", c.SecretKey},
	} {
		if s.value == "" {
			missing = append(missing, s.name)
		}
	}
	if missing != nil {
		return fmt.Errorf("LONGSHORE_STORAGE=s3 also needs %s", strings.Join(missing, ", "))
	}
	if err := checkEndpoint("LONGSHORE_S3_ENDPOINT", c.Endpoint); err != nil {
		return err
	}
	return checkEndpoint("LONGSHORE_S3_PUBLIC_ENDPOINT", c.public())
}
