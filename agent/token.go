package agent

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/longshore-project/longshore/collections"
)

// clockSkew is how far the two clocks may differ.
const clockSkew = 30 * time.Second

// sign answers a bearer token for one request to the control plane.
func (id *identity) sign(now time.Time) (string, error) {
	return jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.RegisteredClaims{
		Issuer:    id.AgentID,
		Subject:   id.AgentID,
		Audience:  jwt.ClaimStrings{id.Issuer},
		IssuedAt:  jwt.NewNumericDate(now),
		ExpiresAt: jwt.NewNumericDate(now.Add(collections.TokenTTL)),
	}).SignedString(id.key)
}

// verify judges a bearer token of the control plane: signature, algorithm, audience, issuer, and a life of at most five minutes.
func (id *identity) verify(token string, now time.Time) error {
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{collections.TokenAlgorithm}),
		jwt.WithAudience(id.AgentID),
		jwt.WithIssuer(id.Issuer),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(clockSkew),
		jwt.WithTimeFunc(func() time.Time { return now }),
	)
	var claims jwt.RegisteredClaims
	_, err := parser.ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) { return id.ControlKey, nil })
	switch {
	case err != nil:
		return err
	case claims.IssuedAt == nil:
		return errors.New("token has no iat")
	case claims.ExpiresAt.Sub(claims.IssuedAt.Time) > collections.TokenTTL:
		return errors.New("token lives too long")
	}
	return nil
}

// authenticated lets only requests of the control plane through.
func (a *Agent) authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		err := errors.New("no bearer token")
		if ok {
			err = a.identity.verify(token, time.Now())
		}
		if err != nil {
			a.log.Warn("refused a request to the agent's API", "path", r.URL.Path, "request_id", r.Header.Get(collections.RequestIDHeader), "error", err)
			writeError(w, collections.Errorf(collections.CodeUnauthorized, "The request carries no valid token of this agent's control plane."))
			return
		}
		next.ServeHTTP(w, r)
	})
}
