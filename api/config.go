package api

import (
	"cmp"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

type config struct {
	Version          string       `json:"version"`
	SetupPending     bool         `json:"setup_pending"`
	Registration     string       `json:"registration"`
	TurnstileSiteKey string       `json:"turnstile_site_key"`
	AUP              configAUP    `json:"aup"`
	Limits           configLimits `json:"limits"`
}

type configAUP struct {
	Version string `json:"version"`
	Text    string `json:"text"`
}

type configLimits struct {
	TorrentBytes   int64 `json:"torrent_bytes"`
	MagnetBytes    int64 `json:"magnet_bytes"`
	TorrentFiles   int64 `json:"torrent_files"`
	LabelBytes     int64 `json:"label_bytes"`
	PasswordLength int64 `json:"password_length"`
	LinkSeconds    int64 `json:"link_seconds"`
}

func (a *API) getConfig(e *core.RequestEvent) error {
	exists, err := adminExists(a.app)
	if err != nil {
		return err
	}
	settings, err := hooks.Settings(e.App)
	if err != nil {
		return err
	}
	return ok(e, config{
		Version: a.Version, SetupPending: !exists, Registration: string(a.registration(settings)), TurnstileSiteKey: a.Turnstile.SiteKey, AUP: configAUP{Version: settings.AUPVersion, Text: settings.AUPText},
		Limits: configLimits{
			TorrentBytes: collections.MaxMetainfoBytes, MagnetBytes: collections.MaxMagnetBytes, TorrentFiles: collections.MaxFiles,
			LabelBytes: collections.MaxLabelBytes, PasswordLength: collections.MinPasswordLength, LinkSeconds: int64(a.LinkTTL.Seconds()),
		},
	})
}

// registration answers who may register: LONGSHORE_REGISTRATION stands above the settings.
func (a *API) registration(s collections.Settings) collections.Registration {
	return cmp.Or(a.Registration, s.Registration)
}
