package api

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/tools/types"

	"github.com/longshore-project/longshore/hooks"
)

const (
	sessionTTL    = 30 * 24 * time.Hour
	sessionTouch  = time.Hour // a session's last use is noted this exactly
	sessionEvent  = "longshoreSessionRow"
	maxDeviceInfo = 300
)

// session is one row of sessions. Its token is only in the browser's cookie.
type session struct {
	ID        string         `db:"id"`
	UserID    string         `db:"user_id"`
	TokenHash string         `db:"token_hash"` // SHA-256, hex
	ExpiresAt types.DateTime `db:"expires_at"`
	LastSeen  types.DateTime `db:"last_seen_at"`
}

// openSession signs the browser in: it stores a new session and sets its cookie. One that the browser had before ends
// with it: a cookie that somebody planted is worth nothing afterwards.
func (a *API) openSession(e *core.RequestEvent, user *core.Record) (*session, error) {
	token := make([]byte, 32)
	rand.Read(token) // never fails (crypto/rand)
	cookie := base64.RawURLEncoding.EncodeToString(token)
	s := &session{UserID: user.Id, TokenHash: hashToken(cookie)}
	row, err := a.sessionRow(e, s)
	if err != nil {
		return nil, err
	}
	before := a.findSession(e)
	err = hooks.InTransaction(e.App, func(tx core.App) error {
		if _, err := current(tx, user); err != nil { // while the password was checked it may have changed
			return err
		}
		if before != nil {
			if _, err := tx.NonconcurrentDB().Delete("sessions", dbx.HashExp{"id": before.ID}).Execute(); err != nil {
				return err
			}
		}
		return tx.SaveWithContext(acts(e), row)
	})
	if err != nil {
		return nil, err
	}
	if before != nil {
		a.Board.CheckAccess(before.UserID)
	}
	s.ID = row.Id
	e.SetCookie(a.sessionCookie(cookie, sessionTTL))
	return s, nil
}

func (a *API) sessionRow(e *core.RequestEvent, s *session) (*core.Record, error) {
	sessions, err := e.App.FindCachedCollectionByNameOrId("sessions")
	if err != nil {
		return nil, err
	}
	row := core.NewRecord(sessions)
	row.Load(map[string]any{
		"user_id": s.UserID, "token_hash": s.TokenHash, "expires_at": a.Now().Add(sessionTTL), "last_seen_at": a.Now(),
		"device_info": cut(e.Request.UserAgent(), maxDeviceInfo), "address": addressOf(e.Request),
	})
	return row, nil
}

// findSession answers the live session of the request's cookie, nil when there is none.
func (a *API) findSession(e *core.RequestEvent) *session {
	cookie, err := e.Request.Cookie(a.cookieName())
	if err != nil || cookie.Value == "" {
		return nil
	}
	var s session
	err = e.App.DB().Select("id", "user_id", "token_hash", "expires_at", "last_seen_at").From("sessions").
		Where(dbx.HashExp{"token_hash": hashToken(cookie.Value)}).One(&s)
	if err != nil || !s.ExpiresAt.Time().After(a.Now()) {
		return nil
	}
	return &s
}

// touch prolongs a session in use. The row is updated in place: one that was deleted meanwhile stays deleted.
func (a *API) touch(e *core.RequestEvent, s *session) {
	if a.Now().Sub(s.LastSeen.Time()) < sessionTouch {
		return
	}
	_, err := e.App.NonconcurrentDB().Update("sessions", dbx.Params{
		"expires_at": dbTime(a.Now().Add(sessionTTL)), "last_seen_at": dbTime(a.Now()), "address": addressOf(e.Request),
	}, dbx.HashExp{"id": s.ID}).Execute()
	if err != nil {
		a.Logger.Warn("a session could not be prolonged", "error", err)
		return
	}
	if cookie, err := e.Request.Cookie(a.cookieName()); err == nil {
		e.SetCookie(a.sessionCookie(cookie.Value, sessionTTL))
	}
}

// sweepAccess removes sessions that have expired and counts of limits that nobody asks for any more.
func (a *API) sweepAccess(context.Context) error {
	_, err := a.app.NonconcurrentDB().Delete("sessions", dbx.NewExp("expires_at < {:now}", dbx.Params{"now": dbTime(a.Now())})).Execute()
	return errors.Join(err, a.limits.sweep())
}

// csrfToken is bound to the session and outlives a restart.
func (a *API) csrfToken(s *session) string {
	mac := hmac.New(sha256.New, a.csrfKey)
	mac.Write([]byte(s.TokenHash))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (a *API) cookieName() string {
	if a.public.Scheme == "https" {
		return "__Host-longshore" // refused by browsers over plain HTTP, hence the other name
	}
	return "longshore"
}

func (a *API) sessionCookie(value string, ttl time.Duration) *http.Cookie {
	return &http.Cookie{
		Name: a.cookieName(), Value: value, Path: "/", MaxAge: int(ttl.Seconds()), HttpOnly: true,
		Secure: a.public.Scheme == "https", SameSite: http.SameSiteStrictMode,
	}
}

func (a *API) clearCookie(e *core.RequestEvent) { e.SetCookie(a.sessionCookie("", -time.Second)) }

func (a *API) warnWithoutTLS() {
	host := a.public.Hostname()
	if ip := net.ParseIP(host); a.public.Scheme == "https" || host == "localhost" || ip != nil && ip.IsLoopback() {
		return
	}
	a.Logger.Warn("the public URL is not https: passwords and session cookies can be read on the way", "public_url", a.PublicURL)
}

func hashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// dbTime writes a time as the database keeps it.
func dbTime(t time.Time) string { return t.UTC().Format(types.DefaultDateLayout) }

// cut keeps at most n bytes of s, whole characters only.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return toValid(s[:n])
}
