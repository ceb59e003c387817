package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
)

const (
	defaultTurnstileURL = "https://challenges.cloudflare.com/turnstile/v0/siteverify"
	turnstileTimeout    = 5 * time.Second
	maxTurnstileAnswer  = 64 << 10
)

// Turnstile is Cloudflare's captcha, or a server that speaks as it does
// (https://developers.cloudflare.com/turnstile/get-started/server-side-validation/). Both keys or none are set.
type Turnstile struct {
	SiteKey   string // for browsers
	SecretKey string
	VerifyURL string // Cloudflare's when empty
}

func (t *Turnstile) complete() error {
	if (t.SiteKey == "") != (t.SecretKey == "") {
		return errors.New("LONGSHORE_TURNSTILE_SITE_KEY and LONGSHORE_TURNSTILE_SECRET_KEY go together: one of them is missing")
	}
	if t.VerifyURL == "" {
		t.VerifyURL = defaultTurnstileURL
	}
	u, err := url.Parse(t.VerifyURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("LONGSHORE_TURNSTILE_VERIFY_URL is %q: it must be an http:// or https:// URL", t.VerifyURL)
	}
	return nil
}

// turnstileClient follows no redirect: the secret goes to the configured address only.
var turnstileClient = &http.Client{
	Timeout:       turnstileTimeout,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// checkCaptcha asks the provider about the browser's token when there is a captcha: captcha_failed when it is missing
// or not good, unavailable when the provider cannot be asked. A token is good once.
func (a *API) checkCaptcha(e *core.RequestEvent, token *string) error {
	if a.Turnstile.SecretKey == "" {
		return nil
	}
	if value(token) == "" {
		return captchaFailed()
	}
	verdict, err := a.Turnstile.ask(e.Request.Context(), *token, e.RealIP())
	if err == nil && !verdict.Success {
		err = verdict.problem()
	}
	if err != nil {
		a.Logger.Error("the captcha could not be checked", "request_id", e.Request.Header.Get(requestIDHeader), "error", err)
		return &collections.Error{Code: collections.CodeUnavailable, Message: "The captcha cannot be checked now. Try again in a minute.", Cause: err}
	}
	if !verdict.Success {
		return captchaFailed()
	}
	return nil
}

type turnstileVerdict struct {
	Success bool     `json:"success"`
	Codes   []string `json:"error-codes"`
}

// problem answers an error when the verdict is about us or the provider, and not about the visitor.
func (v turnstileVerdict) problem() error {
	for _, code := range []string{"missing-input-secret", "invalid-input-secret", "bad-request", "internal-error"} {
		if slices.Contains(v.Codes, code) {
			return fmt.Errorf("the provider answers %s", strings.Join(v.Codes, ", "))
		}
	}
	return nil
}

func (t Turnstile) ask(ctx context.Context, token, address string) (v turnstileVerdict, err error) {
	form := url.Values{"secret": {t.SecretKey}, "response": {token}, "remoteip": {address}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.VerifyURL, strings.NewReader(form.Encode()))
	if err != nil {
		return v, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := turnstileClient.Do(r)
	if err != nil {
		return v, err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= http.StatusInternalServerError {
		return v, fmt.Errorf("the provider answers %s", resp.Status)
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxTurnstileAnswer)).Decode(&v); err != nil {
		return v, fmt.Errorf("the provider answers %s: %w", resp.Status, err)
	}
	return v, nil
}

func captchaFailed() error {
	const message = "The captcha was not solved, or has expired. Solve it again."
	return &collections.Error{Code: collections.CodeCaptchaFailed, Message: message, Data: map[string]any{"turnstile_token": message}}
}
