package collections

import (
	"slices"
	"testing"
)

func TestOnlyTheEdgesOfTheTableAreLegal(t *testing.T) {
	legal := map[Status][]Status{
		"queued":             {"fetching_metadata", "downloading", "awaiting_selection", "completed", "paused", "failed", "cancelled"},
		"fetching_metadata":  {"awaiting_selection", "downloading", "queued", "paused", "failed", "cancelled"},
		"awaiting_selection": {"queued", "paused", "failed", "cancelled"},
		"downloading":        {"uploading", "queued", "paused", "failed", "cancelled"},
		"uploading":          {"completed", "queued", "paused", "failed", "cancelled"},
		"paused":             {"queued", "failed", "cancelled"},
		"completed":          nil,
		"failed":             nil,
		"cancelled":          nil,
	}
	if len(Statuses()) != len(legal) {
		t.Fatalf("%d statuses", len(Statuses()))
	}
	for _, from := range Statuses() {
		for _, to := range append(Statuses(), "", "seeding") {
			if got := from.CanBecome(to); got != slices.Contains(legal[from], to) {
				t.Errorf("%s to %s: %v", from, to, got)
			}
		}
	}
}

func TestKindsOfStatus(t *testing.T) {
	running := []Status{StatusFetchingMetadata, StatusDownloading, StatusUploading}
	terminal := []Status{StatusCompleted, StatusFailed, StatusCancelled}
	for _, s := range Statuses() {
		if s.Running() != slices.Contains(running, s) || s.Terminal() != slices.Contains(terminal, s) || !s.Valid() {
			t.Errorf("%s: running %v, terminal %v, valid %v", s, s.Running(), s.Terminal(), s.Valid())
		}
	}
	if Status("seeding").Valid() {
		t.Error("seeding is no status")
	}
}
