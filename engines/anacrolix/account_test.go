package anacrolix

import (
	"reflect"
	"testing"
	"time"

	"github.com/longshore-project/longshore/plugins"
)

func TestSlowReaderGetsVerifiedPiecesMerged(t *testing.T) {
	a := &account{}
	e := a.add("j")
	ch, err := a.events(t.Context())
	must(t, err)
	e.metadata([]byte("info"))
	e.resume(newBitset(200))
	all := newBitset(200)
	all.setRange(0, 100)
	e.want(all)
	for i := 99; i >= 50; i-- {
		e.verified(i, false)
	}
	e.fail(&plugins.Error{Code: plugins.ErrDiskFull})
	e.heal()
	for i := range 50 {
		e.verified(i, false)
	}
	want := []plugins.Event{
		{Kind: plugins.EventMetadata, InfoBytes: []byte("info")},
		{Kind: plugins.EventVerified, Ranges: []plugins.Range{{Begin: 50, End: 100}}},
		{Kind: plugins.EventError, Err: &plugins.Error{Code: plugins.ErrDiskFull}},
		{Kind: plugins.EventHealed},
		{Kind: plugins.EventVerified, Ranges: []plugins.Range{{Begin: 0, End: 50}}},
		{Kind: plugins.EventFinished},
	}
	for _, w := range want {
		got := <-ch
		if got.ID != "j" || got.At.IsZero() {
			t.Errorf("%+v has no id or time", got)
		}
		got.ID, got.At = "", time.Time{}
		if !reflect.DeepEqual(got, w) {
			t.Errorf("got %+v, want %+v", got, w)
		}
	}
}

func TestALaterReaderEndsTheEarlierAndLearnsWhatHolds(t *testing.T) {
	a := &account{}
	e := a.add("j")
	first, err := a.events(t.Context())
	must(t, err)
	found := newBitset(10)
	found.set(3)
	e.resume(found)
	e.want(bitset{1<<3 | 1<<4})
	e.verified(4, false)
	second, err := a.events(t.Context())
	must(t, err)
	for range first {
	}
	var kinds []plugins.EventKind
	for range 3 {
		ev := <-second
		kinds = append(kinds, ev.Kind)
	}
	if !reflect.DeepEqual(kinds, []plugins.EventKind{plugins.EventVerified, plugins.EventVerified, plugins.EventFinished}) {
		t.Errorf("the second reader heard %v", kinds)
	}
	a.close()
	if _, open := <-second; open {
		t.Error("the stream goes on after the end")
	}
}

func TestRangesOfABitset(t *testing.T) {
	b := newBitset(300)
	for _, r := range []plugins.Range{{Begin: 0, End: 1}, {Begin: 5, End: 64}, {Begin: 64, End: 130}, {Begin: 191, End: 193}, {Begin: 256, End: 300}} {
		b.setRange(r.Begin, r.End)
	}
	want := []plugins.Range{{Begin: 0, End: 1}, {Begin: 5, End: 130}, {Begin: 191, End: 193}, {Begin: 256, End: 300}}
	if got := b.ranges(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
	if b.count() != 1+125+2+44 {
		t.Errorf("%d members", b.count())
	}
}
