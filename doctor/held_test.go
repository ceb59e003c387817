package doctor

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"testing"
)

func TestTheTestsThatHoldInvariantsExist(t *testing.T) {
	for _, held := range heldByTests {
		files, err := filepath.Glob(filepath.Join("..", held.Package, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		if !declared(t, files, held.Test) {
			t.Errorf("%d: %s has no %s", held.Number, held.Package, held.Test)
		}
	}
}

func declared(t *testing.T, files []string, name string) bool {
	t.Helper()
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == name {
				return true
			}
		}
	}
	return false
}
