package api

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

func (b *browser) settings() adminSettings {
	b.s.t.Helper()
	var body adminSettings
	b.call("GET", "/admin/settings", nil).into(b.s.t, 200, &body)
	return body
}

func TestAnAdminChangesSettings(t *testing.T) {
	s := newServer(t)
	root := s.signedInAs("root@example.com", collections.RoleAdmin)
	if got := root.settings(); got.Settings != collections.DefaultSettings() || len(got.Overrides) != 0 {
		t.Errorf("at first %+v", got)
	}
	want := collections.Settings{
		Registration: collections.RegistrationOpen, RequireVerifiedEmail: true, SelectionMinutes: 0, SelectionTimeout: collections.SelectionCancel,
		RetentionWarningDays: 7, AUPVersion: "2", AUPText: "Be kind.", SubmitsPerMinute: 100, RequestsPerMinute: 1000, SignInsPerAccount: 5, SignInsPerAddress: 50,
	}
	var body adminSettings
	root.call("PATCH", "/admin/settings", want).into(t, 200, &body)
	if body.Settings != want || root.settings().Settings != want {
		t.Errorf("now %+v", body.Settings)
	}
	if stored, err := hooks.Settings(s.app); err != nil || stored != want {
		t.Errorf("stored %+v, %v", stored, err)
	}
	root.call("PATCH", "/admin/settings", map[string]any{"selection_minutes": 30}).into(t, 200, &body)
	want.SelectionMinutes = 30
	if body.Settings != want {
		t.Errorf("what was not named changed: %+v", body.Settings)
	}
	ann := s.signedIn("ann@example.com")
	ann.call("POST", "/jobs", map[string]any{"magnet": magnetA}).want(t, 403, collections.CodeAUPRequired)
}

func TestSettingsOfTheEnvironmentAreSaid(t *testing.T) {
	s := newServer(t, withRegistration(collections.RegistrationClosed))
	root := s.signedInAs("root@example.com", collections.RoleAdmin)
	root.call("PATCH", "/admin/settings", map[string]any{"registration": "open"})
	got := root.settings()
	want := []override{{"registration", "LONGSHORE_REGISTRATION", "closed"}}
	if got.Settings.Registration != collections.RegistrationOpen || !reflect.DeepEqual(got.Overrides, want) {
		t.Errorf("got %+v", got)
	}
	var config struct{ Registration string }
	s.browser().call("GET", "/config", nil).into(t, 200, &config)
	if config.Registration != "closed" {
		t.Errorf("what holds is %s", config.Registration)
	}
}

func TestSettingsAreWholeInTheDescription(t *testing.T) {
	spec, err := loadSpec()
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	encoded, err := json.Marshal(collections.DefaultSettings())
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(encoded, &fields); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Settings", "SettingsChange"} {
		schema := spec.doc.Components.Schemas[name].Value
		if err := schema.VisitJSON(fields); err != nil {
			t.Errorf("the defaults are no %s: %v", name, err)
		}
		if len(schema.Properties) != len(fields) {
			t.Errorf("%s has %d properties, the settings have %d", name, len(schema.Properties), len(fields))
		}
	}
}
