package doctor

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
	"github.com/longshore-project/longshore/hooks/hookstest"
)

const unkept = `DROP TRIGGER audit_logs_no_delete`

func TestAHoleInTheAuditIsFound(t *testing.T) {
	for _, c := range []struct {
		name, detail string
		breaks       func(in *installation) (id string)
	}{
		{"a row that was removed", "the row before it is missing", func(in *installation) string {
			in.exec(unkept, `DELETE FROM audit_logs WHERE rowid = 2`)
			return in.value(`SELECT id FROM audit_logs WHERE rowid = 3`)
		}},
		{"the first row that was removed", "the row before it is missing", func(in *installation) string {
			in.exec(unkept, `DELETE FROM audit_logs WHERE rowid = 1`)
			return in.value(`SELECT id FROM audit_logs WHERE rowid = 2`)
		}},
		{"the last row that was removed", "of users has no row of its making", func(in *installation) string {
			user := hookstest.MustCreateUser(in.t, in.App, "last@example.com", collections.RoleUser)
			in.exec(unkept, `DELETE FROM audit_logs WHERE rowid >= (SELECT MIN(rowid) FROM audit_logs WHERE target_id = '`+user.Id+`')`)
			return user.Id
		}},
		{"a table that is not kept any more", "lacks the trigger audit_logs_no_update", func(in *installation) string {
			in.exec(`DROP TRIGGER audit_logs_no_update`)
			return "audit_logs"
		}},
		{"a user that was made past the hooks", "of users has no row of its making", func(in *installation) string {
			in.exec(`INSERT INTO users (id, email, tokenKey, password, role, created_at) VALUES ('smuggled', 's@example.com', 'k', 'p', 'admin', '2999-01-01 00:00:00.000Z')`)
			return "smuggled"
		}},
		{"a plan that was given past the hooks", "of user_plan_assignments has no row of its making", func(in *installation) string {
			in.exec(`INSERT INTO user_plan_assignments (id, user_id, plan_id, started_at, created_at) SELECT 'smuggled', 'someone', id, '', '2999-01-01 00:00:00.000Z' FROM plans LIMIT 1`)
			return "smuggled"
		}},
		{"a superuser that was made past the hooks", "of _superusers has no row of its making", func(in *installation) string {
			in.exec(`INSERT INTO _superusers (id, email, tokenKey, password, created) VALUES ('smuggled', 's@example.com', 'k', 'p', '2999-01-01 00:00:00.000Z')`)
			return "smuggled"
		}},
		{"a submission without its row", "of which the audit has no row", func(in *installation) string {
			in.exec(`UPDATE jobs SET request_id = 'req-1', created_at = '2999-01-01 00:00:00.000Z' WHERE id = {:runs}`)
			return in.runs
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := newInstallation(t)
			for range 4 {
				in.save("invites", map[string]any{"code_hash": hooks.Now(in.App).String()})
			}
			if before := in.run(Options{}); !before.OK() {
				t.Fatalf("before: %+v", before)
			}
			id := c.breaks(in)
			for _, check := range in.run(Options{}).Checks {
				if check.Number == 14 && !names(check, id, c.detail) {
					t.Errorf("not found: %+v, want %s", check, id)
				}
			}
		})
	}
}

func TestTheTablesThatAreAuditedAreThoseOfTheHooks(t *testing.T) {
	if got := hooks.Audited(); !slices.Equal(got, audited) {
		t.Errorf("the hooks audit %v", got)
	}
}

func TestWhatIsOlderThanTheAuditNeedsNoRow(t *testing.T) {
	in := newInstallation(t)
	in.exec(`INSERT INTO users (id, email, tokenKey, password, role, created_at) VALUES ('old', 'o@example.com', 'k', 'p', 'user', '2020-01-01 00:00:00.000Z')`)
	if result := in.run(Options{}); !result.OK() {
		t.Errorf("%+v", result)
	}
}

func TestARemovedRecordLeavesNoHole(t *testing.T) {
	in := newInstallation(t)
	user := hookstest.MustCreateUser(t, in.App, "gone@example.com", collections.RoleUser)
	in.must(in.DeleteWithContext(context.Background(), user))
	if result := in.run(Options{}); !result.OK() {
		t.Errorf("%+v", result)
	}
	if !strings.Contains(in.value(`SELECT group_concat(action) FROM audit_logs`), "users.delete") {
		t.Error("the removal was not audited")
	}
}
