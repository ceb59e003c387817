package script

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/dlclark/regexp2/v2"
	"github.com/dop251/goja"
)

// suffix is that of PocketBase's scripts.
const suffix = ".pb.js"

// source is the text of a script.
type source struct {
	name string
	text string
}

// file is a script that has handlers for moments.
type file struct {
	name    string
	program *goja.Program
	heard   map[moment]*breaker // the moments it has handlers for
}

// readSources answers the scripts of a folder in the order of their names, none when there is no folder.
func readSources(dir string) ([]source, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var sources []source
	for _, entry := range entries {
		if entry.IsDir() || !strings.HasSuffix(entry.Name(), suffix) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		sources = append(sources, source{entry.Name(), string(text)})
	}
	return sources, err
}

var (
	mentionsMoment     = regexp.MustCompile(`\b(onJobSubmit|onJobStatus|onFileComplete|onLinkSign)\b`)
	mentionsPocketBase = regexp.MustCompile(`\b(on[A-Z]\w*|cronAdd|cronRemove|routerAdd|routerUse)\s*\(`)
)

// isOurs says whether a script may have handlers for moments.
func (s source) isOurs() bool { return mentionsMoment.MatchString(s.text) }

// isPocketBases says whether a script uses PocketBase's hooks. One that does not is not given to PocketBase, which runs
// all scripts in one runtime, so that two could not have a constant of the same name.
func (s source) isPocketBases() bool {
	for _, call := range mentionsPocketBase.FindAllStringSubmatch(s.text, -1) {
		if !mentionsMoment.MatchString(call[1]) {
			return true
		}
	}
	return !s.isOurs()
}

// compile reads the scripts that have handlers for moments, and runs each once to see which.
func (s *Scripts) compile(sources []source) error {
	for _, src := range sources {
		if !src.isOurs() {
			continue
		}
		f, err := s.compileFile(src)
		if err != nil {
			return fmt.Errorf("the script %s cannot be run: %w", filepath.Join(s.Dir, src.name), err)
		}
		s.files = append(s.files, f)
	}
	return nil
}

func (s *Scripts) compileFile(src source) (*file, error) {
	program, err := goja.Compile(src.name, src.text, true)
	if err != nil {
		return nil, err
	}
	f := &file{name: src.name, program: program, heard: map[moment]*breaker{}}
	_, err = s.tell.run(s.TellLimit, func(vm *goja.Runtime) (func(), error) {
		c, err := s.enter(vm, f, "", s.TellLimit)
		if err != nil {
			return nil, err
		}
		defer c.leave()
		for m := range c.handlers {
			f.heard[m] = new(breaker)
		}
		return nil, nil
	})
	return f, err
}

// limitRegexps bounds regular expressions with look-around or back-references, which a runtime cannot be interrupted in.
// One that takes longer does not match; by then its call is over. It holds for the whole process, and the first limit stays.
func limitRegexps(limit time.Duration) {
	if regexp2.DefaultMatchTimeout == math.MaxInt64 {
		regexp2.DefaultMatchTimeout = limit
	}
}
