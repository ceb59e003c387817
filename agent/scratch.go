package agent

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/longshore-project/longshore/collections"
)

const (
	stateFile    = "job.json"
	dataDir      = "data"
	trashPrefix  = ".trash-"
	usageMaxAge  = 10 * time.Second
	resumePrefix = ".longshore-" // of engines' resume data, see plugins.AddRequest
)

// scratch is the agent's disk space: a folder per job with the job's data and a small state file.
type scratch struct {
	dir   string
	limit int64 // bytes, 0 for none

	mu       sync.Mutex
	usage    int64
	measured time.Time
}

// heldJob is the state file of a job's folder.
type heldJob struct {
	JobID    string               `json:"job_id"`
	Attempt  int64                `json:"attempt"`
	Infohash collections.Infohash `json:"infohash"`
}

// open makes the job's folder and answers the folder for its data. Data of another torrent is removed.
func (s *scratch) open(h heldJob) (data string, err error) {
	dir := filepath.Join(s.dir, h.JobID)
	if old, err := s.state(h.JobID); err == nil && old.Infohash != h.Infohash {
		if err := s.discard(h.JobID); err != nil {
			return "", err
		}
	}
	data = filepath.Join(dir, dataDir)
	if err := os.MkdirAll(data, 0o700); err != nil {
		return "", err
	}
	b, err := json.Marshal(h)
	if err != nil {
		return "", err
	}
	return data, writeFile(filepath.Join(dir, stateFile), b)
}

// inherit makes the folder of another job of the torrent the job's own, unless it has one.
func (s *scratch) inherit(jobID, from string, infohash collections.Infohash) error {
	other, err := s.state(from)
	if err != nil || other.Infohash != infohash {
		return ignoreMissing(err)
	}
	if _, err := os.Lstat(filepath.Join(s.dir, jobID)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Rename(filepath.Join(s.dir, from), filepath.Join(s.dir, jobID))
}

func (s *scratch) state(jobID string) (h heldJob, err error) {
	b, err := os.ReadFile(filepath.Join(s.dir, jobID, stateFile))
	if err != nil {
		return h, err
	}
	return h, json.Unmarshal(b, &h)
}

// held lists the jobs that have a folder. One whose state file is missing or broken has attempt 0.
func (s *scratch) held() ([]heldJob, error) {
	entries, err := os.ReadDir(s.dir)
	var all []heldJob
	for _, e := range entries {
		if !e.IsDir() || !validJobID(e.Name()) {
			continue
		}
		h, err := s.state(e.Name())
		if err != nil || h.JobID != e.Name() {
			h = heldJob{JobID: e.Name()}
		}
		all = append(all, h)
	}
	return all, err
}

// discard removes a job's folder. It is out of the way at once, however long the removal takes.
func (s *scratch) discard(jobID string) error {
	trash, err := s.moveAway(jobID)
	if err != nil {
		return err
	}
	return s.empty(trash)
}

// empty removes what moveAway answered.
func (s *scratch) empty(trash string) error {
	if trash == "" {
		return nil
	}
	return os.RemoveAll(trash)
}

// moveAway puts a job's folder where sweep finds it; it answers "" when there is none.
func (s *scratch) moveAway(jobID string) (trash string, err error) {
	trash, err = os.MkdirTemp(s.dir, trashPrefix+"*")
	if err != nil {
		return "", err
	}
	err = os.Rename(filepath.Join(s.dir, jobID), filepath.Join(trash, jobID))
	if errors.Is(err, fs.ErrNotExist) {
		return "", os.Remove(trash)
	}
	return trash, err
}

// sweep ends removals that an earlier start began.
func (s *scratch) sweep() error {
	entries, err := os.ReadDir(s.dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), trashPrefix) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(s.dir, e.Name())))
		}
	}
	return err
}

// free answers how many bytes may still be written.
func (s *scratch) free() (int64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(s.dir, &fs); err != nil {
		return 0, err
	}
	free := int64(fs.Bavail) * fs.Bsize
	if s.limit == 0 {
		return free, nil
	}
	used, err := s.used()
	return min(free, max(0, s.limit-used)), err
}

// used answers the bytes of disk the scratch space takes, as of a few seconds ago.
func (s *scratch) used() (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.measured.IsZero() && time.Since(s.measured) < usageMaxAge {
		return s.usage, nil
	}
	usage, err := diskUsage(s.dir)
	s.usage, s.measured = usage, time.Now()
	return usage, err
}

func diskUsage(dir string) (bytes int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return ignoreMissing(err)
		}
		info, err := e.Info()
		if err != nil {
			return ignoreMissing(err)
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			bytes += stat.Blocks * 512 // stat(2): always units of 512
		}
		return nil
	})
	return bytes, err
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// removeResumeData makes an engine forget what it knows of a torrent's data: it will hash what is there.
func removeResumeData(data string) error {
	entries, err := os.ReadDir(data)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), resumePrefix) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(data, e.Name())))
		}
	}
	return err
}

const idLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// validJobID keeps anything but a record id out of paths.
func validJobID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	return strings.Trim(id, idLetters) == ""
}
