package dispatch

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// clockLeeway is how far an agent's clock may be off.
const clockLeeway = 30 * time.Second

var errUnauthorized = collections.Errorf(collections.CodeUnauthorized, "The agent's token is not valid.")

// NewAgentToken makes a one-time token with which an agent enrols within ttl; only its hash is kept. local marks
// the control plane's own agent, which shares its file system.
func NewAgentToken(app core.App, local bool, ttl time.Duration) (string, error) {
	tokens, err := app.FindCachedCollectionByNameOrId("agent_tokens")
	if err != nil {
		return "", err
	}
	token := rand.Text()
	record := core.NewRecord(tokens)
	record.Set("token_hash", hashToken(token))
	record.Set("local", local)
	record.Set("expires_at", time.Now().Add(ttl))
	return token, app.Save(record)
}

func hashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// issuerOf names the control plane in tokens, the same one at every start.
func issuerOf(secret hooks.Secret) string {
	return "longshore-" + hex.EncodeToString(secret.Derive("agent issuer")[:8])
}

// Authenticate answers the agent whose signature the bearer token carries. Its errors have CodeUnauthorized.
func (d *Dispatcher) Authenticate(bearer string) (string, error) {
	var claims jwt.RegisteredClaims
	_, err := jwt.ParseWithClaims(bearer, &claims, d.agentKey,
		jwt.WithValidMethods([]string{collections.TokenAlgorithm}), jwt.WithAudience(d.issuer), jwt.WithTimeFunc(d.Now),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(clockLeeway))
	if err != nil {
		return "", errUnauthorized
	}
	if claims.IssuedAt == nil || claims.ExpiresAt.Sub(claims.IssuedAt.Time) > collections.TokenTTL {
		return "", errUnauthorized
	}
	return claims.Issuer, nil
}

func (d *Dispatcher) agentKey(token *jwt.Token) (any, error) {
	claims := token.Claims.(*jwt.RegisteredClaims)
	if claims.Issuer == "" || claims.Issuer != claims.Subject {
		return nil, errUnauthorized
	}
	a, err := d.agent(claims.Issuer)
	if err != nil {
		return nil, err
	}
	return a.key, nil
}

// bearer signs a token for a request to an agent.
func (d *Dispatcher) bearer(agentID string) (string, error) {
	issued := d.Now()
	return jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.RegisteredClaims{
		Issuer: d.issuer, Audience: jwt.ClaimStrings{agentID},
		IssuedAt: jwt.NewNumericDate(issued), ExpiresAt: jwt.NewNumericDate(issued.Add(collections.TokenTTL)),
	}).SignedString(d.key)
}

func (d *Dispatcher) publicKey() []byte { return d.key.Public().(ed25519.PublicKey) }
