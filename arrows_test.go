package main

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/longshore-project/longshore"

// arrows lists, for each folder, the folders of ours that it may import besides its
// own. A folder without an entry has that of its nearest parent; "." is main.
var arrows = map[string][]string{
	".":                  {"agent", "api", "collections", "dispatch", "doctor", "engines", "hooks", "mail", "pb_migrations", "pb_public", "plugins", "progress", "schedule", "script", "storage"},
	"agent":              {"collections", "plugins"},
	"api":                {"collections", "dispatch", "hooks", "pb_public", "progress", "schedule", "storage"},
	"collections":        {},
	"dispatch":           {"collections", "hooks", "progress", "schedule", "storage"},
	"doctor":             {"collections", "storage"},
	"engines":            {"collections", "plugins"},
	"hooks":              {"collections"},
	"hooks/hookstest":    {"collections", "hooks", "pb_migrations"},
	"pb_migrations":      {"collections"},
	"mail":               {"collections", "hooks"},
	"pb_public":          {},
	"schedule":           {"collections"},
	"pb_hooks":           {},
	"script":             {"collections", "hooks", "pb_hooks"},
	"plugins":            {"collections"},
	"plugins/enginetest": {"collections", "plugins"},
	"progress":           {"collections"},
	"storage":            {"collections"},
}

// strangers lists the modules of others that only some folders may import. What is in no list is free, but not for collections.
var strangers = map[string][]string{
	"github.com/anacrolix/":  {"engines"},
	"github.com/aws/":        {"storage"},
	"github.com/pocketbase/": {".", "api", "dispatch", "doctor", "hooks", "hooks/hookstest", "mail", "pb_migrations", "progress", "schedule", "script"},
}

func TestImportsFollowTheArrows(t *testing.T) {
	files := 0
	err := filepath.WalkDir(".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && skipped(name) {
			return fs.SkipDir
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		files++
		return checkFile(t, name)
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < len(arrows) {
		t.Errorf("only %d files were looked at", files)
	}
}

func skipped(dir string) bool {
	base := filepath.Base(dir)
	return dir != "." && (strings.HasPrefix(base, ".") || base == "node_modules" || base == "third_party" || base == "testdata" || dir == "web")
}

func checkFile(t *testing.T, name string) error {
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
	if err != nil {
		return err
	}
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		if err := checkArrow(filepath.ToSlash(filepath.Dir(name)), imported); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	return nil
}

// checkArrow says why a package in folder dir must not import a package.
func checkArrow(dir, imported string) error {
	from, known := folderOf(dir)
	if !known {
		return fmt.Errorf("the folder %s has no list of arrows", dir)
	}
	if rest, ours := strings.CutPrefix(imported, module+"/"); ours {
		to, _ := folderOf(rest)
		if to != from && !slices.Contains(arrows[from], to) {
			return fmt.Errorf("%s must not import %s", from, rest)
		}
		return nil
	}
	if first, _, _ := strings.Cut(imported, "/"); from == "collections" && strings.Contains(first, ".") {
		return fmt.Errorf("collections imports the standard library only, not %s", imported)
	}
	for prefix, folders := range strangers {
		if strings.HasPrefix(imported, prefix) && !slices.Contains(folders, from) {
			return fmt.Errorf("%s must not import %s", from, imported)
		}
	}
	return nil
}

// folderOf answers the entry of arrows that covers a folder.
func folderOf(dir string) (string, bool) {
	for dir != "." {
		if _, known := arrows[dir]; known {
			return dir, true
		}
		if dir = path.Dir(dir); dir == "." {
			return "", false
		}
	}
	return dir, true
}

func TestCheckArrow(t *testing.T) {
	cases := []struct {
		name, dir, imported string
		allowed             bool
	}{
		{"main wires an engine", ".", module + "/engines/anacrolix", true},
		{"the api reads the vocabulary", "api", module + "/collections", true},
		{"an engine uses its library", "engines/anacrolix", "github.com/anacrolix/torrent/metainfo", true},
		{"a folder imports its own", "engines/anacrolix", module + "/engines/anacrolix/disk", true},
		{"anyone uses the standard library", "collections", "net/url", true},
		{"the api runs an engine", "api", module + "/engines/anacrolix", false},
		{"dispatch calls the api", "dispatch", module + "/api", false},
		{"product code uses a test's folder", "api", module + "/hooks/hookstest", false},
		{"the agent imports the dashboard", "agent", "github.com/pocketbase/pocketbase/core", false},
		{"dispatch talks to a bucket", "dispatch", "github.com/aws/aws-sdk-go-v2/service/s3", false},
		{"the vocabulary imports a module", "collections", "golang.org/x/text/unicode/norm", false},
		{"a folder that nobody listed", "utils", "fmt", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if err := checkArrow(c.dir, c.imported); (err == nil) != c.allowed {
				t.Error(err)
			}
		})
	}
}
