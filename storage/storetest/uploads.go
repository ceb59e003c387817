package storetest

import (
	"errors"
	"slices"
	"testing"

	"github.com/longshore-project/longshore/storage"
)

var uploadTests = map[string]func(*testing.T, *bench){
	"an upload becomes the object, parts in any order": func(t *testing.T, b *bench) {
		u := b.begin(t, 2*partSize+17)
		parts := []storage.Part{b.send(t, u, 3), b.send(t, u, 1), b.send(t, u, 2)}
		slices.SortFunc(parts, func(a, b storage.Part) int { return a.Number - b.Number })
		listed, err := b.ListParts(b.ctx, u.key, u.id)
		if err != nil || !slices.EqualFunc(listed, parts, samePart) {
			t.Fatalf("listed %+v, %v; sent %+v", listed, err, parts)
		}
		info, err := b.Complete(b.ctx, u.key, u.id, parts)
		if err != nil || info.Size != int64(len(u.body)) {
			t.Fatalf("%+v, %v", info, err)
		}
		head, err := b.Head(b.ctx, u.key)
		if err != nil || !storage.SameETag(head.ETag, info.ETag) || head.Size != info.Size {
			t.Fatalf("completed as %+v, found as %+v, %v", info, head, err)
		}
		b.wantBytes(t, u.key, u.body)
		if left := b.uploads(t); len(left) != 0 {
			t.Fatalf("still unfinished: %+v", left)
		}
	},
	"nothing is found before an upload is completed": func(t *testing.T, b *bench) {
		u := b.begin(t, 100)
		b.sendAll(t, u)
		if _, err := b.Head(b.ctx, u.key); !errors.Is(err, storage.ErrNotFound) {
			t.Fatalf("Head: %v", err)
		}
		if found := b.keys(t, ""); len(found) != 0 {
			t.Fatalf("listed %v", found)
		}
	},
	"Complete again gives the same object": func(t *testing.T, b *bench) {
		u := b.begin(t, partSize+1)
		parts := b.sendAll(t, u)
		first, err := b.Complete(b.ctx, u.key, u.id, parts)
		if err != nil {
			t.Fatal(err)
		}
		again, err := b.Complete(b.ctx, u.key, u.id, parts)
		if err != nil || !storage.SameETag(first.ETag, again.ETag) || first.Size != again.Size {
			t.Fatalf("%+v, then %+v, %v", first, again, err)
		}
	},
	"Complete with an ETag that is not the part's is refused, and right ones still go": func(t *testing.T, b *bench) {
		u := b.begin(t, partSize+1)
		parts := b.sendAll(t, u)
		wrong := slices.Clone(parts)
		wrong[1].ETag = parts[0].ETag
		if _, err := b.Complete(b.ctx, u.key, u.id, wrong); !errors.Is(err, storage.ErrInvalidPart) {
			t.Fatalf("Complete: %v", err)
		}
		if _, err := b.Complete(b.ctx, u.key, u.id, parts); err != nil {
			t.Fatal(err)
		}
		b.wantBytes(t, u.key, u.body)
	},
	"Complete with a part that was never sent is refused": func(t *testing.T, b *bench) {
		u := b.begin(t, partSize+1)
		one := b.send(t, u, 1)
		two := storage.Part{Number: 2, Size: 1, ETag: one.ETag}
		if _, err := b.Complete(b.ctx, u.key, u.id, []storage.Part{one, two}); !errors.Is(err, storage.ErrInvalidPart) {
			t.Fatalf("Complete: %v", err)
		}
	},
	"Complete with a gap is refused": func(t *testing.T, b *bench) {
		u := b.begin(t, 2*partSize+1)
		parts := b.sendAll(t, u)
		for name, list := range map[string][]storage.Part{
			"none": nil, "the first missing": parts[1:], "the second missing": {parts[0], parts[2]}, "twice": {parts[0], parts[0], parts[1]},
		} {
			if _, err := b.Complete(b.ctx, u.key, u.id, list); !errors.Is(err, storage.ErrInvalidPart) {
				t.Errorf("%s: %v", name, err)
			}
		}
	},
	"an unknown upload is no upload": func(t *testing.T, b *bench) {
		u := b.begin(t, 10)
		parts := b.sendAll(t, u)
		if err := b.Abort(b.ctx, u.key, u.id); err != nil {
			t.Fatal(err)
		}
		if _, err := b.ListParts(b.ctx, u.key, u.id); !errors.Is(err, storage.ErrNoUpload) {
			t.Errorf("ListParts: %v", err)
		}
		if _, err := b.Complete(b.ctx, u.key, u.id, parts); !errors.Is(err, storage.ErrNoUpload) {
			t.Errorf("Complete: %v", err)
		}
		if err := b.Abort(b.ctx, u.key, u.id); err != nil {
			t.Errorf("Abort again: %v", err)
		}
		if left := b.uploads(t); len(left) != 0 {
			t.Errorf("still unfinished: %+v", left)
		}
	},
	"a completed upload whose object was deleted is gone": func(t *testing.T, b *bench) {
		u := b.begin(t, 10)
		parts := b.sendAll(t, u)
		if _, err := b.Complete(b.ctx, u.key, u.id, parts); err != nil {
			t.Fatal(err)
		}
		if err := b.Delete(b.ctx, u.key); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Complete(b.ctx, u.key, u.id, parts); !errors.Is(err, storage.ErrNoUpload) {
			t.Fatalf("Complete: %v", err)
		}
	},
	"abort after complete leaves the object": func(t *testing.T, b *bench) {
		u := b.begin(t, 10)
		if _, err := b.Complete(b.ctx, u.key, u.id, b.sendAll(t, u)); err != nil {
			t.Fatal(err)
		}
		if err := b.Abort(b.ctx, u.key, u.id); err != nil {
			t.Fatal(err)
		}
		b.wantBytes(t, u.key, u.body)
	},
	"a part sent again is one part": func(t *testing.T, b *bench) {
		u := b.begin(t, 100)
		first, second := b.send(t, u, 1), b.send(t, u, 1)
		if !storage.SameETag(first.ETag, second.ETag) {
			t.Fatalf("%s, then %s", first.ETag, second.ETag)
		}
		if _, err := b.Complete(b.ctx, u.key, u.id, []storage.Part{second}); err != nil {
			t.Fatal(err)
		}
		b.wantBytes(t, u.key, u.body)
	},
	"of two bodies for one part the last counts": func(t *testing.T, b *bench) {
		u := b.begin(t, 100)
		old := b.send(t, u, 1)
		u.body = newBytes(100)
		part := b.send(t, u, 1)
		if _, err := b.Complete(b.ctx, u.key, u.id, []storage.Part{old}); !errors.Is(err, storage.ErrInvalidPart) {
			t.Fatalf("Complete with the old part: %v", err)
		}
		if _, err := b.Complete(b.ctx, u.key, u.id, []storage.Part{part}); err != nil {
			t.Fatal(err)
		}
		b.wantBytes(t, u.key, u.body)
	},
	"unfinished uploads are listed": func(t *testing.T, b *bench) {
		one, two := b.begin(t, 10), b.begin(t, 20)
		found := b.uploads(t)
		if len(found) != 2 || found[one.id].Key != one.key || found[two.id].Key != two.key || found[one.id].Initiated.IsZero() {
			t.Fatalf("listed %+v", found)
		}
	},
	"an upload that no store could hold is refused": func(t *testing.T, b *bench) {
		for _, size := range []int64{0, -1, partSize*10_000 + 1} {
			if _, err := b.CreateUpload(b.ctx, newKey(), size, partSize, storage.Meta{}); err == nil {
				t.Errorf("began an upload of %d bytes", size)
			}
		}
	},
}

func samePart(a, b storage.Part) bool {
	return a.Number == b.Number && a.Size == b.Size && storage.SameETag(a.ETag, b.ETag)
}
