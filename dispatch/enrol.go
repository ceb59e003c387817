package dispatch

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"net/netip"
	"net/url"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/collections"
	"github.com/longshore-project/longshore/hooks"
)

// Enrol makes an agent known. The token is used up in the transaction that makes
// the agent, so of several tries with it one succeeds. CodeUnauthorized, CodeInvalidInput.
func (d *Dispatcher) Enrol(_ context.Context, req collections.EnrolRequest) (collections.EnrolReply, error) {
	if err := checkEnrolment(&req); err != nil {
		return collections.EnrolReply{}, err
	}
	var made *core.Record
	err := hooks.InTransaction(d.App, func(tx core.App) (err error) {
		local, err := d.useToken(tx, req.Token)
		if err != nil {
			return err
		}
		made, err = newAgentRecord(tx, &req, local)
		if err != nil {
			return err
		}
		return tx.Save(made)
	})
	if err != nil {
		return collections.EnrolReply{}, err
	}
	d.Logger.Info("an agent enrolled", "agent", made.Id, "name", req.Name)
	return collections.EnrolReply{AgentID: made.Id, Issuer: d.issuer, PublicKey: d.publicKey()}, d.loadAgents()
}

func (d *Dispatcher) useToken(tx core.App, token string) (local bool, err error) {
	params := dbx.Params{"hash": hashToken(token), "now": stamp(d.Now())}
	n, err := exec(tx, `UPDATE agent_tokens SET used_at = {:now} WHERE token_hash = {:hash} AND used_at = '' AND expires_at > {:now}`, params)
	if err != nil {
		return false, err
	}
	if n == 0 {
		return false, collections.Errorf(collections.CodeUnauthorized, "The enrolment token is unknown, used or expired.")
	}
	row, err := one[struct {
		Local bool `db:"local"`
	}](tx, `SELECT local FROM agent_tokens WHERE token_hash = {:hash}`, params)
	return row.Local, err
}

func newAgentRecord(tx core.App, req *collections.EnrolRequest, local bool) (*core.Record, error) {
	agents, err := tx.FindCachedCollectionByNameOrId("agents")
	if err != nil {
		return nil, err
	}
	record := core.NewRecord(agents)
	record.Load(map[string]any{
		"name": req.Name, "public_key": hex.EncodeToString(req.PublicKey), "address": req.Advertise, "local": local,
	})
	return record, nil
}

func checkEnrolment(req *collections.EnrolRequest) error {
	if len(req.PublicKey) != ed25519.PublicKeySize {
		return invalidInput("public_key", "An agent's public key is 32 bytes of Ed25519.")
	}
	if len(req.Name) > 255 {
		return invalidInput("name", "An agent's name has at most 255 bytes.")
	}
	return checkAddress(req.Advertise)
}

// checkAddress holds until agents speak mutual TLS: plain HTTP never leaves the machine.
func checkAddress(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" || u.User != nil || u.RawQuery != "" || (u.Path != "" && u.Path != "/") {
		return invalidInput("advertise", "An agent's address is http://, a host and a port.")
	}
	if addr, err := netip.ParseAddr(u.Hostname()); err != nil || !addr.IsLoopback() || u.Port() == "" {
		return invalidInput("advertise", "Agents speak plain HTTP on a loopback address only.")
	}
	return nil
}

func invalidInput(field, message string) error {
	return &collections.Error{Code: collections.CodeInvalidInput, Message: message, Data: map[string]any{"field": field}}
}
