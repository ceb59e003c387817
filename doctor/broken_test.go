package doctor

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks/hookstest"
	"github.com/longshore-project/longshore/storage"
)

func TestEachBrokenInvariantIsFoundAlone(t *testing.T) {
	serving := Options{Serving: true, Settle: time.Millisecond}
	deep := Options{Deep: true}
	cases := []struct {
		name   string
		number int
		opts   Options
		detail string
		breaks func(in *installation) (id string)
	}{
		{"two jobs under one idempotency key", 1, Options{}, "idempotency key", func(in *installation) string {
			in.exec("DROP INDEX idx_jobs_idempotency",
				"UPDATE jobs SET idempotency_key = 'same'")
			return in.value("SELECT MIN(id) FROM jobs")
		}},
		{"two live jobs for one infohash", 1, Options{}, "live jobs", func(in *installation) string {
			in.exec(`DROP INDEX idx_jobs_live`,
				`UPDATE jobs SET infohash = (SELECT infohash FROM jobs WHERE id = {:runs}), status = 'queued' WHERE id = {:done}`,
				`DELETE FROM job_events WHERE job_id = {:done}`,
				`INSERT INTO job_events (id, job_id, seq, event_type, payload) VALUES ('new', {:done}, 1, 'created', '{"status":"queued"}')`)
			return in.value("SELECT MIN(id) FROM jobs")
		}},
		{"events of a job that is gone", 1, Options{}, "events but no row", func(in *installation) string {
			in.exec("INSERT INTO job_events (id, job_id, seq, event_type, payload) VALUES ('e', 'gone', 1, 'created', '{}')")
			return "gone"
		}},
		{"files of a job that is gone", 1, Options{}, "files but no row", func(in *installation) string {
			in.exec("UPDATE files SET job_id = 'gone' WHERE job_id = {:done}", "UPDATE jobs SET reserved_bytes = 0 WHERE id = {:done}")
			return "gone"
		}},
		{"a second end", 2, Options{}, "ended 2 times", func(in *installation) string {
			in.exec(`UPDATE jobs SET status = 'failed' WHERE id = {:done}`,
				`INSERT INTO job_events (id, job_id, seq, event_type, payload) VALUES ('e', {:done}, 7, 'status', '{"from":"completed","to":"failed","attempt":3}')`)
			return in.done
		}},
		{"an edge that the table lacks", 2, Options{}, "went from downloading to completed", func(in *installation) string {
			in.exec(`DELETE FROM job_events WHERE job_id = {:done} AND seq = 5`,
				`UPDATE job_events SET seq = 5, payload = '{"from":"downloading","to":"completed","attempt":3}' WHERE job_id = {:done} AND seq = 6`)
			return in.done
		}},
		{"a lease that ended long ago", 3, serving, "whose lease ended", func(in *installation) string {
			in.exec("UPDATE jobs SET lease_until = '2020-01-01 00:00:00.000Z' WHERE id = {:runs}")
			return in.runs
		}},
		{"a running job without a lease", 3, serving, "whose lease ended", func(in *installation) string {
			in.exec("UPDATE jobs SET lease_until = '', updated_at = '2020-01-01 00:00:00.000Z' WHERE id = {:runs}")
			return in.runs
		}},
		{"a job that waits for one that makes nothing", 3, serving, "makes nothing", func(in *installation) string {
			in.exec("UPDATE jobs SET waits_for = {:done} WHERE id = {:runs}")
			return in.runs
		}},
		{"an attempt that went back", 4, Options{}, "went back from attempt 2 to 1", func(in *installation) string {
			in.exec(`UPDATE job_events SET payload = replace(payload, '"attempt":3', '"attempt":1') WHERE job_id = {:done}`)
			return in.done
		}},
		{"a row with an older attempt than its events", 4, Options{}, "attempt 0 in its row", func(in *installation) string {
			in.exec("UPDATE jobs SET attempt = 0 WHERE id = {:runs}")
			return in.runs
		}},
		{"an object that vanished from the store", 5, deep, "the store has no objects/done/0", func(in *installation) string {
			in.must(in.store.Delete(context.Background(), "objects/done/0"))
			return in.value("SELECT id FROM objects WHERE key = 'objects/done/0'")
		}},
		{"a stored object without a key", 5, Options{}, "names no key", func(in *installation) string {
			in.must(in.store.Delete(context.Background(), "objects/done/1"))
			in.exec("UPDATE objects SET key = '' WHERE key = 'objects/done/1'")
			return in.value("SELECT id FROM objects WHERE key = '' AND state = 'stored'")
		}},
		{"two objects under one key", 5, Options{}, "has the key of object", func(in *installation) string {
			in.exec(`INSERT INTO objects (id, torrent_id, file_index, scope, key, store, size_bytes, state)
				SELECT 'zzz', torrent_id, file_index, 'other', key, store, size_bytes, state FROM objects WHERE key = 'objects/done/0'`)
			return in.value("SELECT id FROM objects WHERE key = 'objects/done/0' ORDER BY rowid DESC LIMIT 1")
		}},
		{"a gap in the events", 6, Options{}, "has event 7 where 6 belongs", func(in *installation) string {
			in.exec("UPDATE job_events SET seq = 7 WHERE job_id = {:done} AND seq = 6")
			return in.done
		}},
		{"a job without events", 6, Options{}, `"" by its events`, func(in *installation) string {
			in.exec("DELETE FROM job_events WHERE job_id = {:runs}")
			return in.runs
		}},
		{"a row that its events do not tell of", 6, Options{}, `is failed by its row and "completed"`, func(in *installation) string {
			in.exec("UPDATE jobs SET status = 'failed' WHERE id = {:done}")
			return in.done
		}},
		{"an event that is no JSON", 6, Options{}, "was created as", func(in *installation) string {
			in.exec(`UPDATE job_events SET payload = '{' WHERE job_id = {:runs} AND seq = 1`,
				`UPDATE job_events SET payload = '{"from":"queued","to":"downloading","attempt":1}' WHERE job_id = {:runs} AND seq = 2`)
			return in.runs
		}},
		{"a byte that differs", 7, deep, "differs from the torrent in piece 0", func(in *installation) string {
			altered := append([]byte("F"), payload[0][1:]...)
			_, err := in.store.Put(context.Background(), "objects/done/0", altered, storage.Meta{})
			in.must(err)
			return in.value("SELECT id FROM objects WHERE key = 'objects/done/0'")
		}},
		{"a last byte that differs, before a pad file", 7, deep, "(file 2)", func(in *installation) string {
			altered := append(payload[2][:len(payload[2])-1:len(payload[2])-1], 'D')
			_, err := in.store.Put(context.Background(), "objects/done/2", altered, storage.Meta{})
			in.must(err)
			return in.value("SELECT id FROM objects WHERE key = 'objects/done/2'")
		}},
		{"an object that is shorter than its row says", 8, deep, "has 3 bytes in the store", func(in *installation) string {
			_, err := in.store.Put(context.Background(), "objects/done/0", []byte("abc"), storage.Meta{})
			in.must(err)
			return in.value("SELECT id FROM objects WHERE key = 'objects/done/0'")
		}},
		{"a file that is longer than its object", 8, Options{}, "its object 0", func(in *installation) string {
			in.exec("UPDATE files SET size_bytes = 1 WHERE job_id = {:done} AND file_index = 1",
				"UPDATE jobs SET reserved_bytes = reserved_bytes + 1 WHERE id = {:done}")
			return in.value("SELECT id FROM files WHERE job_id = {:done} AND file_index = 1")
		}},
		{"an upload of another size than its object", 8, Options{}, "is an upload of 7 bytes", func(in *installation) string {
			in.exec("UPDATE uploads SET size_bytes = 7")
			return in.value("SELECT id FROM uploads")
		}},
		{"rows that agree, but not with the metainfo", 8, Options{}, "bytes for a file of 50000", func(in *installation) string {
			in.exec(`UPDATE files SET size_bytes = 7 WHERE job_id = {:runs}`,
				`UPDATE uploads SET size_bytes = 7`,
				`UPDATE objects SET size_bytes = 7 WHERE state = 'uploading'`)
			return in.value("SELECT id FROM objects WHERE state = 'uploading'")
		}},
		{"a file that the metainfo does not have", 8, Options{}, "is the object of file 9", func(in *installation) string {
			in.exec("UPDATE objects SET file_index = 9 WHERE state = 'uploading'")
			return in.value("SELECT id FROM objects WHERE state = 'uploading'")
		}},
		{"a size below zero", 8, Options{}, "size_bytes of jobs is -1", func(in *installation) string {
			in.exec("UPDATE jobs SET size_bytes = -1 WHERE id = {:done}")
			return in.done
		}},
		{"a metainfo of another torrent", 8, Options{}, "its infohash is", func(in *installation) string {
			in.exec("UPDATE torrents SET infohash_v1 = 'other' WHERE name = 'runs'")
			return in.value("SELECT id FROM torrents WHERE name = 'runs'")
		}},
		{"a metainfo that is gone", 8, deep, "no usable metainfo", func(in *installation) string {
			in.exec("UPDATE torrents SET metainfo = 'gone.torrent' WHERE name = 'runs'")
			return in.value("SELECT id FROM torrents WHERE name = 'runs'")
		}},
		{"a complete file whose object is still uploading", 9, Options{}, "is uploading", func(in *installation) string {
			in.exec("UPDATE files SET is_complete = TRUE WHERE job_id = {:runs}")
			return in.value("SELECT id FROM files WHERE job_id = {:runs}")
		}},
		{"a complete file whose object is gone", 9, Options{}, "is gone", func(in *installation) string {
			in.exec("UPDATE files SET object_id = 'none' WHERE job_id = {:done} AND file_index = 1")
			return in.value("SELECT id FROM files WHERE job_id = {:done} AND file_index = 1")
		}},
		{"a file that is to be stored as an object that goes", 9, Options{}, "is deleting", func(in *installation) string {
			in.exec("UPDATE objects SET state = 'deleting' WHERE state = 'uploading'")
			return in.value("SELECT id FROM files WHERE job_id = {:runs}")
		}},
		{"a file that is not complete though its object is", 9, Options{}, "is not complete", func(in *installation) string {
			in.exec("UPDATE files SET is_complete = FALSE WHERE job_id = {:done} AND file_index = 1")
			return in.value("SELECT id FROM files WHERE job_id = {:done} AND file_index = 1")
		}},
		{"an object that two jobs make", 9, Options{}, "made by 2 jobs", func(in *installation) string {
			other := in.save("jobs", map[string]any{"user_id": in.user, "torrent_id": in.value("SELECT torrent_id FROM jobs WHERE id = {:runs}"),
				"infohash": "0", "status": "downloading", "desired": "run"})
			in.save("files", map[string]any{"job_id": other, "user_id": in.user, "object_id": in.value("SELECT object_id FROM files WHERE job_id = {:runs}"),
				"file_index": 0, "path": "a", "size_bytes": 50000, "selected": true})
			return in.value("SELECT object_id FROM files WHERE job_id = {:runs}")
		}},
		{"a private torrent's object that two users have", 15, Options{}, "of another", func(in *installation) string {
			in.exec("UPDATE objects SET scope = 'somebody' WHERE state = 'uploading'")
			return in.value("SELECT id FROM files WHERE job_id = {:runs}")
		}},
		{"a job for a private torrent of somebody else", 15, Options{}, "private torrent", func(in *installation) string {
			in.exec("UPDATE torrents SET scope = 'somebody' WHERE name = 'runs'")
			return in.runs
		}},
		{"a file of another user than its job", 15, Options{}, "of user nobody", func(in *installation) string {
			in.exec("UPDATE files SET user_id = 'nobody' WHERE job_id = {:runs}")
			return in.value("SELECT id FROM files WHERE job_id = {:runs}")
		}},
		{"an object without a row for two hours", 10, inTwoHours(), "5 bytes since", func(in *installation) string {
			_, err := in.store.Put(context.Background(), "objects/stray", []byte("stray"), storage.Meta{})
			in.must(err)
			return "objects/stray"
		}},
		{"an upload that is still there after its job was cancelled", 11, servingInTwoHours(), "upload ", func(in *installation) string {
			in.move(in.runs, "cancelled")
			return "objects/runs/0"
		}},
		{"an upload that no row names", 11, inTwoHours(), "upload ", func(in *installation) string {
			in.exec("DELETE FROM uploads")
			return "objects/runs/0"
		}},
		{"a job that counts more than it wants", 12, Options{}, "counts 50005 of 50004", func(in *installation) string {
			in.exec("UPDATE jobs SET size_bytes = 50004, reserved_bytes = 50005 WHERE id = {:runs}")
			return in.runs
		}},
		{"a job that runs without a reservation", 12, Options{}, "has reserved nothing", func(in *installation) string {
			in.exec("UPDATE jobs SET reserved_bytes = 0 WHERE id = {:runs}")
			return in.runs
		}},
		{"a job that counts less than nothing", 12, Options{}, "counts -1 bytes", func(in *installation) string {
			in.exec("UPDATE jobs SET reserved_bytes = -1 WHERE id = {:runs}")
			return in.runs
		}},
		{"a completed job that counts a file too few", 12, Options{}, "bytes and has files of", func(in *installation) string {
			in.exec("UPDATE jobs SET reserved_bytes = reserved_bytes - 1 WHERE id = {:done}")
			return in.done
		}},
		{"a failed job that still counts all it wanted", 12, Options{}, "bytes and has files of 0", func(in *installation) string {
			in.move(in.runs, collections.StatusFailed)
			in.exec("UPDATE jobs SET reserved_bytes = size_bytes WHERE id = {:runs}")
			return in.runs
		}},
		{"a job that counts beside its retry", 12, Options{}, "and has files of 0", func(in *installation) string {
			tried := in.save("jobs", map[string]any{"user_id": in.user, "torrent_id": in.value("SELECT torrent_id FROM jobs WHERE id = {:done}"),
				"status": "failed", "desired": "run", "reserved_bytes": 75000})
			in.exec(`UPDATE files SET job_id = '`+tried+`' WHERE job_id = {:done}`, `UPDATE jobs SET reserved_bytes = 0 WHERE id = {:done}`,
				`UPDATE jobs SET retry_of = '`+tried+`' WHERE id = {:runs}`)
			return tried
		}},
		{"totals that the jobs do not make", 12, Options{}, "has 5 live jobs and 0 bytes by the totals", func(in *installation) string {
			user := hookstest.MustCreateUser(in.t, in.App, "a@example.com", collections.RoleUser)
			in.exec("INSERT INTO usage_totals (user_id, jobs_active) VALUES ('" + user.Id + "', 5)")
			return user.Id
		}},
		{"usage below zero", 12, Options{}, "below zero", func(in *installation) string {
			in.exec("INSERT INTO usage_metrics_daily (id, user_id, date, bytes_served) VALUES ('m', 'auser0000000000', '2020-01-01', -1)")
			return "m"
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			in := newInstallation(t)
			id := c.breaks(in)
			for _, check := range in.run(c.opts).Checks {
				if check.Number != c.number {
					if check.Count > 0 {
						t.Errorf("%d: %+v", check.Number, check.Violations)
					}
					continue
				}
				if !names(check, id, c.detail) {
					t.Errorf("not found: %+v, want %s", check, id)
				}
			}
		})
	}
}

func names(c Check, id, detail string) bool {
	for _, v := range c.Violations {
		if v.ID == id && strings.Contains(v.Detail, detail) {
			return true
		}
	}
	return false
}

func inTwoHours() Options {
	return Options{Now: func() time.Time { return time.Now().Add(2 * time.Hour) }}
}

func servingInTwoHours() Options {
	o := inTwoHours()
	o.Serving, o.Settle = true, time.Millisecond
	return o
}

func TestWhatTheNextStartRemovesIsLeftAlone(t *testing.T) {
	in := newInstallation(t)
	in.move(in.runs, "cancelled")
	if result := in.run(inTwoHours()); !result.OK() {
		t.Errorf("%+v", result)
	}
}

func TestAnObjectBetweenItsUploadAndItsRowIsLeftAlone(t *testing.T) {
	in := newInstallation(t)
	_, err := in.store.Put(context.Background(), in.value("SELECT key FROM uploads"), payload[0], storage.Meta{})
	in.must(err)
	if result := in.run(inTwoHours()); !result.OK() {
		t.Errorf("%+v", result)
	}
}

func TestYoungStraysAreLeftAlone(t *testing.T) {
	in := newInstallation(t)
	_, err := in.store.Put(context.Background(), "objects/stray", []byte("stray"), storage.Meta{})
	in.must(err)
	in.exec("DELETE FROM uploads")
	if result := in.run(Options{}); !result.OK() {
		t.Errorf("%+v", result)
	}
}

// healing is a store beside which something is put right while the last invariant is looked at.
type healing struct {
	*storage.Local
	heal func()
}

func (h *healing) ListUploads(ctx context.Context, fn func(storage.Unfinished) error) error {
	h.heal()
	return h.Local.ListUploads(ctx, fn)
}

func TestBesideARunningServeOnlyWhatStaysBrokenIsReported(t *testing.T) {
	for _, heals := range []bool{true, false} {
		in := newInstallation(t)
		in.exec("UPDATE jobs SET status = 'uploading' WHERE id = {:runs}")
		store := &healing{in.store, func() {
			if heals {
				in.exec("UPDATE jobs SET status = 'downloading' WHERE id = {:runs}")
			}
		}}
		result, err := Run(context.Background(), in.App, store, Options{Serving: true, Settle: time.Millisecond})
		in.must(err)
		if result.OK() != heals {
			t.Errorf("heals %v: %+v", heals, result)
		}
	}
}
