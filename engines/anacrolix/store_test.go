package anacrolix

import (
	"crypto/sha1"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/longshore-project/longshore/plugins/enginetest"
)

func newStore(t *testing.T, p *enginetest.Payload, dir string, budgetBytes int64) (*store, *entry) {
	t.Helper()
	root, err := os.OpenRoot(dir)
	must(t, err)
	e := (&account{}).add("j")
	s, err := openStore(root, p.Metainfo, newBudget(budgetBytes), e, func(err error) { t.Logf("write failed: %v", err) })
	must(t, err)
	s.active.Store(true)
	for i := range s.pieces {
		s.pieces[i].wanted.Store(true)
	}
	t.Cleanup(func() { s.close(); root.Close() })
	return s, e
}

// put writes piece i in chunks, as the library does.
func put(t *testing.T, s *store, p *enginetest.Payload, i int) error {
	t.Helper()
	b := make([]byte, p.PieceSize(i))
	p.ReadAt(b, int64(i)*p.PieceLength)
	for off := 0; off < len(b); off += 16 << 10 {
		if _, err := s.pieces[i].WriteAt(b[off:min(off+16<<10, len(b))], int64(off)); err != nil {
			return err
		}
	}
	sum, err := s.pieces[i].SelfHash()
	if err == nil && sum != sha1.Sum(b) {
		t.Errorf("piece %d: wrong hash", i)
	}
	return err
}

func TestPieceOverTheBudgetGoesStraightToItsFiles(t *testing.T) {
	p := enginetest.MakePayload(t, enginetest.PayloadSpec{PieceLength: 64 << 10, Files: []enginetest.PayloadFile{
		{Name: "a", Size: 100_000}, {Name: "b", Size: 100_000},
	}})
	dir := t.TempDir()
	s, e := newStore(t, p, dir, 64<<10)
	chunk := make([]byte, 16<<10)
	for i := range 2 {
		p.ReadAt(chunk, int64(i)*p.PieceLength)
		if _, err := s.pieces[i].WriteAt(chunk, 0); err != nil {
			t.Fatal(err)
		}
	}
	if s.pieces[0].buf == nil || s.pieces[1].buf != nil || !s.pieces[1].direct {
		t.Fatal("the budget of one piece does not hold one piece in memory and the other in its file")
	}
	for i := range s.pieces {
		must(t, put(t, s, p, i))
	}
	if s.budget.used != 0 || e.fresh.count() != len(s.pieces) {
		t.Errorf("%d bytes in use, %d pieces verified", s.budget.used, e.fresh.count())
	}
	for i := range p.Files {
		wantFile(t, p, dir, i)
	}
}

func TestAWrongPieceIsNeitherWrittenNorCounted(t *testing.T) {
	p := enginetest.NewPayload(t, enginetest.PayloadFile{Name: "x", Size: 16 << 10})
	dir := t.TempDir()
	s, e := newStore(t, p, dir, 1<<20)
	if _, err := s.pieces[0].WriteAt(make([]byte, 16<<10), 0); err != nil {
		t.Fatal(err)
	}
	sum, err := s.pieces[0].SelfHash()
	must(t, err)
	if sum == p.PieceHash(0) || e.fresh.count() != 0 || s.budget.used != 0 || s.pieces[0].Completion().Complete {
		t.Error("the piece counts, or holds memory")
	}
	if _, err := os.Stat(filepath.Join(dir, "x")); !os.IsNotExist(err) {
		t.Errorf("its file is there: %v", err)
	}
	must(t, put(t, s, p, 0))
	wantFile(t, p, dir, 0)
}

func TestFilesAreSparseAndOfFullSize(t *testing.T) {
	p := enginetest.MakePayload(t, enginetest.PayloadSpec{PieceLength: 64 << 10, Single: true, Files: []enginetest.PayloadFile{{Name: "x", Size: 64 << 20}}})
	dir := t.TempDir()
	s, _ := newStore(t, p, dir, 1<<20)
	must(t, put(t, s, p, 500))
	info, err := os.Stat(filepath.Join(dir, "x"))
	must(t, err)
	if info.Size() != 64<<20 || blocks(t, filepath.Join(dir, "x"))*512 > 256<<10 {
		t.Errorf("size %d, %d bytes on disk", info.Size(), blocks(t, filepath.Join(dir, "x"))*512)
	}
}

func TestNothingIsWrittenOutsideTheFolder(t *testing.T) {
	p := enginetest.NewPayload(t, enginetest.PayloadFile{Name: "sub/x", Size: 20_000}, enginetest.PayloadFile{Name: "y", Size: 20_000})
	for name, plant := range map[string]func(dir, outside string) error{
		"a folder that leads out": func(dir, outside string) error {
			return errors.Join(os.Mkdir(filepath.Join(dir, "payload"), 0o755), os.Symlink(outside, filepath.Join(dir, "payload", "sub")))
		},
		"a file that leads out": func(dir, outside string) error {
			return errors.Join(os.MkdirAll(filepath.Join(dir, "payload", "sub"), 0o755), os.Symlink(filepath.Join(outside, "x"), filepath.Join(dir, "payload", "sub", "x")))
		},
		"the top leads out": func(dir, outside string) error { return os.Symlink(outside, filepath.Join(dir, "payload")) },
	} {
		t.Run(name, func(t *testing.T) {
			dir, outside := t.TempDir(), t.TempDir()
			must(t, plant(dir, outside))
			s, e := newStore(t, p, dir, 1<<20)
			if err := put(t, s, p, 0); err == nil {
				t.Error("a write through a link succeeded")
			}
			if names, _ := os.ReadDir(outside); len(names) != 0 || e.fresh.count() != 0 {
				t.Errorf("outside there is %v now", names)
			}
		})
	}
}

func TestAFileThatSomebodyElseHoldsIsCopiedBeforeItIsWritten(t *testing.T) {
	p := enginetest.MakePayload(t, enginetest.PayloadSpec{PieceLength: 16 << 10, Single: true, Files: []enginetest.PayloadFile{{Name: "x", Size: 48 << 10}}})
	for name, share := range map[string]func(file, other string) error{
		"hard-linked": os.Link,
		"read-only":   func(file, other string) error { return errors.Join(os.Link(file, other), os.Chmod(file, 0o444)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s, _ := newStore(t, p, dir, 1<<20)
			must(t, put(t, s, p, 0))
			other := filepath.Join(t.TempDir(), "other")
			must(t, share(filepath.Join(dir, "x"), other))
			before, err := os.ReadFile(other)
			must(t, err)
			s.files.forget(0)
			must(t, s.files.punch(0, 0, 16<<10))
			must(t, put(t, s, p, 1))
			must(t, put(t, s, p, 2))
			after, err := os.ReadFile(other)
			must(t, err)
			if string(before) != string(after) {
				t.Error("the other name's bytes changed")
			}
			wantFile(t, p, dir, 0)
		})
	}
}

func TestPipesAndDevicesAreRefused(t *testing.T) {
	p := enginetest.NewPayload(t, enginetest.PayloadFile{Name: "x", Size: 16 << 10})
	dir := t.TempDir()
	must(t, mkfifo(filepath.Join(dir, "x")))
	s, _ := newStore(t, p, dir, 1<<20)
	if err := put(t, s, p, 0); !errors.Is(err, errNotRegular) {
		t.Errorf("writing to a pipe: %v", err)
	}
}

func TestManySmallFilesNeedFewDescriptors(t *testing.T) {
	var files []enginetest.PayloadFile
	for i := range 3000 {
		files = append(files, enginetest.PayloadFile{Name: string(rune('a'+i%26)) + "/" + itoa(i), Size: 100})
	}
	p := enginetest.MakePayload(t, enginetest.PayloadSpec{PieceLength: 64 << 10, Files: files})
	dir := t.TempDir()
	s, _ := newStore(t, p, dir, 1<<20)
	before := descriptors(t)
	var most atomic.Int64
	for i := range s.pieces {
		must(t, put(t, s, p, i))
		most.Store(max(most.Load(), int64(descriptors(t)-before)))
	}
	if most.Load() > maxOpenFiles {
		t.Errorf("%d files were open at once", most.Load())
	}
	for i := 0; i < len(p.Files); i += 100 {
		wantFile(t, p, dir, i)
	}
}

func TestPaddingIsNeitherStoredNorCreated(t *testing.T) {
	// One piece: 10,000 bytes of a file, a pad file up to the piece's end.
	p := enginetest.NewPayload(t, enginetest.PayloadFile{Name: "x", Size: 10_000}, enginetest.PayloadFile{Name: "pad", Size: 6384})
	p.Files[1].Pad = true
	dir := t.TempDir()
	s, _ := newStore(t, p, dir, 1<<20)
	must(t, put(t, s, p, 0))
	if _, err := os.Stat(filepath.Join(dir, p.Files[1].DiskPath)); !os.IsNotExist(err) {
		t.Errorf("the pad file: %v", err)
	}
	b := make([]byte, 6384)
	b[0] = 1
	if _, err := s.pieces[0].ReadAt(b, 10_000); err != nil || string(b) != string(make([]byte, 6384)) {
		t.Errorf("padding does not read as zeros: %v", err)
	}
	wantFile(t, p, dir, 0)
}

func TestUnwantedPieceKeepsItsChunksOnDiskInsteadOfInMemory(t *testing.T) {
	p := enginetest.NewPayload(t, enginetest.PayloadFile{Name: "x", Size: 16 << 10})
	dir := t.TempDir()
	s, _ := newStore(t, p, dir, 1<<20)
	b := make([]byte, 16<<10)
	p.ReadAt(b, 0)
	if _, err := s.pieces[0].WriteAt(b[:8<<10], 0); err != nil {
		t.Fatal(err)
	}
	must(t, s.pieces[0].spill())
	if s.budget.used != 0 {
		t.Errorf("%d bytes are held", s.budget.used)
	}
	if _, err := s.pieces[0].WriteAt(b[8<<10:], 8<<10); err != nil {
		t.Fatal(err)
	}
	if sum, err := s.pieces[0].SelfHash(); err != nil || sum != p.PieceHash(0) {
		t.Errorf("the piece is not whole: %v", err)
	}
}

func TestBudgetKeepsBuffersOnlyWhileTheyAreOfUse(t *testing.T) {
	b := newBudget(100)
	one, two := b.wait(60), b.wait(40)
	if one == nil || two == nil || b.wait(1) != nil {
		t.Fatal("the budget is not held")
	}
	b.put(one)
	again := b.wait(50)
	if cap(again) != 60 {
		t.Fatalf("the buffer was not used again: %d", cap(again))
	}
	b.put(again)
	b.put(two)
	b.trim()
	b.trim()
	if b.used != 0 || b.kept != 0 || b.free != nil {
		t.Errorf("%d bytes used, %d kept", b.used, b.kept)
	}
}

func TestChunkWaitsForABufferThatIsBeingHashed(t *testing.T) {
	b := newBudget(60)
	full := b.wait(60)
	if b.wait(60) != nil {
		t.Error("a buffer came from nowhere")
	}
	b.expect(1)
	got := make(chan []byte)
	go func() { got <- b.wait(60) }()
	b.put(full)
	if <-got == nil {
		t.Error("it did not wait")
	}
	if buf := b.wait(60); buf != nil {
		t.Error("a buffer that never came back was given away")
	}
}
