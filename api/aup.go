package api

import (
	"net/http"
	"strings"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/api/wire"
	"github.com/longshore-project/longshore/collections"
)

// checkAUP answers aup_required until the user has accepted the acceptable-use policy that stands now. What one has can
// be looked at without, but neither changed nor fetched.
func (a *API) checkAUP(e *core.RequestEvent, rt route) error {
	if !needsAUP(rt) {
		return nil
	}
	settings, err := a.choices.get()
	if err != nil || acceptedAUP(e.Auth, settings) {
		return err
	}
	return &collections.Error{
		Code: collections.CodeAUPRequired, Message: "Accept the acceptable-use policy first.", Data: map[string]any{"version": settings.AUPVersion},
	}
}

func needsAUP(rt route) bool {
	return !isSafe(rt.method) && (strings.HasPrefix(rt.path, "/jobs") || strings.HasPrefix(rt.path, "/files"))
}

func acceptedAUP(user *core.Record, s collections.Settings) bool {
	return s.AUPVersion == "" || user.GetString("aup_version") == s.AUPVersion
}

// acceptAUP notes the version that the person has read. Another than the present one was changed meanwhile.
func (a *API) acceptAUP(e *core.RequestEvent) error {
	var in wire.AcceptAUPJSONRequestBody
	if err := readBody(e, &in); err != nil {
		return err
	}
	settings, err := a.choices.get()
	if err != nil {
		return err
	}
	if in.Version != settings.AUPVersion {
		return invalid("version", "This is not the present version of the policy: read it again.")
	}
	e.Auth.Set("aup_version", in.Version)
	e.Auth.IgnoreUnchangedFields(true)
	if err := e.App.SaveWithContext(acts(e), e.Auth); err != nil {
		return asInvalidInput(err)
	}
	return e.NoContent(http.StatusNoContent)
}
