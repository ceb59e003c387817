package pb_migrations_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/hooks/hookstest"
)

// rulesOf lists the rules of a collection, by name; nil ones are for superusers only.
func rulesOf(c *core.Collection) map[string]*string {
	rules := map[string]*string{"list": c.ListRule, "view": c.ViewRule, "create": c.CreateRule, "update": c.UpdateRule, "delete": c.DeleteRule}
	if c.IsAuth() {
		rules["auth"], rules["manage"] = c.AuthRule, c.ManageRule
	}
	return rules
}

// opened lists every rule that is not null. Those of PocketBase's own tables let somebody see and revoke what belongs to the own
// account; the gate before PocketBase's routes lets nobody but superusers ask. The auth rule of superusers is how they sign in.
var opened = map[string]string{
	"_externalAuths.list":   "@request.auth.id != '' && recordRef = @request.auth.id && collectionRef = @request.auth.collectionId",
	"_externalAuths.view":   "@request.auth.id != '' && recordRef = @request.auth.id && collectionRef = @request.auth.collectionId",
	"_externalAuths.delete": "@request.auth.id != '' && recordRef = @request.auth.id && collectionRef = @request.auth.collectionId",
	"_mfas.list":            "@request.auth.id != '' && recordRef = @request.auth.id && collectionRef = @request.auth.collectionId",
	"_mfas.view":            "@request.auth.id != '' && recordRef = @request.auth.id && collectionRef = @request.auth.collectionId",
	"_otps.list":            "@request.auth.id != '' && recordRef = @request.auth.id && collectionRef = @request.auth.collectionId",
	"_otps.view":            "@request.auth.id != '' && recordRef = @request.auth.id && collectionRef = @request.auth.collectionId",
	"_authOrigins.list":     "@request.auth.id != '' && recordRef = @request.auth.id && collectionRef = @request.auth.collectionId",
	"_authOrigins.view":     "@request.auth.id != '' && recordRef = @request.auth.id && collectionRef = @request.auth.collectionId",
	"_authOrigins.delete":   "@request.auth.id != '' && recordRef = @request.auth.id && collectionRef = @request.auth.collectionId",
	"_superusers.auth":      "",
}

// tables are all collections of a migrated folder.
var tables = strings.Fields(`_authOrigins _externalAuths _mfas _otps _superusers
	users sessions agents agent_tokens torrents jobs job_events objects uploads upload_parts files removals
	plans user_plan_assignments api_keys invites account_tokens mails rate_events blocklist audit_logs usage_metrics_daily usage_totals link_grants schedules settings
	queue dead_letters agent_overview usage_by_user active_jobs blocked`)

func TestEveryRuleIsNullUnlessListed(t *testing.T) {
	app := hookstest.NewApp(t)
	all, err := app.FindAllCollections()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	var names []string
	for _, c := range all {
		names = append(names, c.Name)
		for verb, rule := range rulesOf(c) {
			if rule != nil {
				found[c.Name+"."+verb] = *rule
			}
		}
	}
	if !maps.Equal(found, opened) {
		t.Errorf("not null are %q", found)
	}
	slices.Sort(names)
	slices.Sort(tables)
	if !slices.Equal(names, tables) {
		t.Errorf("there are %q", names)
	}
}

func TestNobodySignsInThroughPocketBaseButSuperusers(t *testing.T) {
	app := hookstest.NewApp(t)
	for _, name := range []string{"users", core.CollectionNameSuperusers} {
		c, err := app.FindCollectionByNameOrId(name)
		if err != nil {
			t.Fatal(err)
		}
		if c.OAuth2.Enabled || c.OTP.Enabled || name == "users" && c.AuthRule != nil {
			t.Errorf("%s: OAuth2 %v, OTP %v, auth rule %v", name, c.OAuth2.Enabled, c.OTP.Enabled, c.AuthRule)
		}
	}
}

func TestColumnsThatStandForSecretsAreHidden(t *testing.T) {
	app := hookstest.NewApp(t)
	all, err := app.FindAllCollections()
	if err != nil {
		t.Fatal(err)
	}
	var hidden []string
	for _, c := range all {
		for _, field := range c.Fields {
			name := field.GetName()
			secret := field.Type() == core.FieldTypePassword || name == core.FieldNameTokenKey || strings.HasSuffix(name, "_hash") || strings.HasSuffix(name, "secret")
			if secret && !field.GetHidden() {
				t.Errorf("%s.%s is shown", c.Name, name)
			}
			if secret {
				hidden = append(hidden, c.Name+"."+name)
			}
		}
	}
	for _, want := range []string{"users.password", "users.tokenKey", "sessions.token_hash", "agent_tokens.token_hash", "api_keys.key_hash", "invites.code_hash", "account_tokens.token_hash"} {
		if !slices.Contains(hidden, want) {
			t.Errorf("there is no %s", want)
		}
	}
}
