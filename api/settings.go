package api

import (
	"encoding/json"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/api/wire"
	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// adminSettingsRoutes are about the operator's choices for the whole installation.
func (a *API) adminSettingsRoutes() []route {
	return []route{
		{"GET", "/admin/settings", admin, small, "", a.getSettings},
		{"PATCH", "/admin/settings", admin, small, "settings.update", a.updateSettings},
	}
}

// adminSettings are the settings and which of them do not hold.
type adminSettings struct {
	Settings  collections.Settings `json:"settings"`
	Overrides []override           `json:"overrides"`
}

type override struct {
	Setting  string `json:"setting"`
	Variable string `json:"variable"`
	Value    string `json:"value"`
}

func (a *API) getSettings(e *core.RequestEvent) error {
	settings, err := hooks.Settings(e.App)
	if err != nil {
		return err
	}
	body := adminSettings{Settings: settings, Overrides: []override{}}
	if a.Registration != "" {
		body.Overrides = append(body.Overrides, override{"registration", "LONGSHORE_REGISTRATION", string(a.Registration)})
	}
	return ok(e, body)
}

func (a *API) updateSettings(e *core.RequestEvent) error {
	var in wire.SettingsChange
	if err := readBody(e, &in); err != nil {
		return err
	}
	err := hooks.InTransaction(e.App, func(tx core.App) error {
		row, err := settingsRow(tx)
		if err != nil {
			return err
		}
		changes, err := named(in)
		if err != nil {
			return err
		}
		row.Load(changes)
		row.IgnoreUnchangedFields(true)
		return tx.SaveWithContext(acts(e), row)
	})
	if err != nil {
		return asInvalidInput(err)
	}
	return a.getSettings(e)
}

// settingsRow answers the row that hooks.Settings reads.
func settingsRow(tx core.App) (*core.Record, error) {
	row := &core.Record{}
	return row, tx.RecordQuery("settings").OrderBy("created_at", "id").Limit(1).One(row)
}

// named answers the fields that were given, by their names.
func named(v any) (fields map[string]any, err error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return fields, json.Unmarshal(b, &fields)
}
