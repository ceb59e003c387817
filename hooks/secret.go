package hooks

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Secret is the root of every key of an installation. It lies in the data folder, mode 0600.
type Secret []byte

const secretBytes = 32

// LoadSecret reads dir/secret and makes it at the first start. Two processes that start at once get the same one.
func LoadSecret(dir string) (Secret, error) {
	path := filepath.Join(dir, "secret")
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeSecret(path)
	}
	if err != nil {
		return nil, err
	}
	if len(b) != secretBytes {
		return nil, fmt.Errorf("%s holds %d bytes instead of %d", path, len(b), secretBytes)
	}
	return b, nil
}

// makeSecret links a finished file into place: whoever comes second reads the first one's.
func makeSecret(path string) (Secret, error) {
	b := make([]byte, secretBytes)
	rand.Read(b) // never fails (crypto/rand)
	tmp, err := os.CreateTemp(filepath.Dir(path), ".secret-")
	if err != nil {
		return nil, err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(b)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(tmp.Name(), path); errors.Is(err, fs.ErrExist) {
		return LoadSecret(filepath.Dir(path))
	} else if err != nil {
		return nil, err
	}
	return b, nil
}

// Derive answers 32 bytes for one purpose (HKDF, RFC 5869).
func (s Secret) Derive(purpose string) []byte {
	key, err := hkdf.Key(sha256.New, s, nil, "longshore "+purpose, secretBytes)
	if err != nil {
		panic(err) // the length is a constant within the limit
	}
	return key
}
