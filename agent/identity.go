package agent

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/sys/unix"

	"github.com/longshore-project/longshore/collections"
)

const identityFile = "agent.json"

// identity is what enrolment made: who the agent is and whom it obeys. It lies in Dir/agent.json, readable by its owner only.
type identity struct {
	AgentID    string            `json:"agent_id"`
	Issuer     string            `json:"issuer"`
	ControlKey ed25519.PublicKey `json:"control_plane_key"`
	Seed       []byte            `json:"seed"`   // of the agent's Ed25519 key, RFC 8032
	Listen     string            `json:"listen"` // where the API was served last
	key        ed25519.PrivateKey
}

// identify reads the identity or enrols, also when a token was given and the control plane does not know the
// identity (any more). The control plane may come up later than the agent: it is asked until ctx ends, unless it refuses.
func (a *Agent) identify(ctx context.Context, listen string) error {
	id, err := readIdentity(a.cfg.Dir)
	if err == nil && a.mayEnrol() {
		err = a.checkKnown(ctx, id)
	}
	if errors.Is(err, fs.ErrNotExist) || unrecognised(err) {
		id, err = a.enrol(ctx, listen)
	}
	if err != nil {
		return err
	}
	if id.Listen != listen {
		id.Listen = listen
		if err := id.write(a.cfg.Dir); err != nil {
			return err
		}
	}
	a.identity = id
	a.control = newControl(a.cfg.Server, id)
	return nil
}

func (a *Agent) mayEnrol() bool { return a.cfg.Token != "" || a.cfg.MintToken != nil }

// checkKnown asks the control plane until it answers. Its error is unrecognised when the identity is refused.
func (a *Agent) checkKnown(ctx context.Context, id *identity) error {
	control := newControl(a.cfg.Server, id)
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		err := control.self(ctx)
		if unrecognised(err) {
			a.log.Warn("the control plane does not know this agent: it enrols anew", "agent", id.AgentID)
			return struct{}{}, backoff.Permanent(err)
		}
		if refused(err) { // whatever it has against the question, it knows who asks
			err = nil
		}
		return struct{}{}, err
	}, backoff.WithBackOff(a.retries()), backoff.WithMaxElapsedTime(0), backoff.WithNotify(a.notify("the control plane does not answer, trying again")))
	return err
}

func (a *Agent) token() (string, error) {
	if a.cfg.MintToken != nil {
		return a.cfg.MintToken()
	}
	if a.cfg.Token == "" {
		return "", errors.New("this agent is not enrolled yet: start it with --token and a token from `longshore agents token`")
	}
	return a.cfg.Token, nil
}

// advertise answers the base URL of the agent's API for the control plane.
func (a *Agent) advertise(listen string) string {
	return cmp.Or(a.cfg.Advertise, "http://"+listen)
}

func (a *Agent) enrol(ctx context.Context, listen string) (*identity, error) {
	token, err := a.token()
	if err != nil {
		return nil, err
	}
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	name, _ := os.Hostname()
	req := collections.EnrolRequest{Token: token, Name: name, PublicKey: public, Advertise: a.advertise(listen)}
	control := newControl(a.cfg.Server, nil)
	reply, err := backoff.Retry(ctx, func() (collections.EnrolReply, error) {
		reply, err := control.enrol(ctx, req)
		if err != nil && refused(err) {
			return reply, backoff.Permanent(err)
		}
		return reply, err
	}, backoff.WithMaxElapsedTime(0), backoff.WithNotify(a.notify("enrolment failed, trying again")))
	if err != nil {
		return nil, fmt.Errorf("enrolment: %w", err)
	}
	id := &identity{
		AgentID: reply.AgentID, Issuer: reply.Issuer, ControlKey: reply.PublicKey,
		Seed: private.Seed(), Listen: listen,
	}
	if err := id.check(); err != nil {
		return nil, fmt.Errorf("the control plane's answer to enrolment: %w", err)
	}
	return id, id.write(a.cfg.Dir)
}

func readIdentity(dir string) (*identity, error) {
	path := filepath.Join(dir, identityFile)
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	id := &identity{}
	if err := json.Unmarshal(b, id); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if err := id.check(); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return id, nil
}

func lastListen(dir string) string {
	id, err := readIdentity(dir)
	if err != nil {
		return ""
	}
	return id.Listen
}

// check completes the private key and refuses an identity that lacks something.
func (id *identity) check() error {
	if id.AgentID == "" || id.Issuer == "" {
		return errors.New("agent id or issuer is missing")
	}
	if len(id.ControlKey) != ed25519.PublicKeySize || len(id.Seed) != ed25519.SeedSize {
		return errors.New("a key has the wrong length")
	}
	id.key = ed25519.NewKeyFromSeed(id.Seed)
	return nil
}

func (id *identity) write(dir string) error {
	b, err := json.MarshalIndent(id, "", "\t")
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, identityFile), b)
}

// writeFile replaces path in one step, readable by its owner only, and on disk when it returns.
func writeFile(path string, b []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".tmp-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(b)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// lock keeps a second agent off the folder.
func lock(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, "agent.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("another agent runs on %s", dir)
	}
	return func() { f.Close() }, nil
}

// requireLoopback refuses a control plane to which plain HTTP would travel over a network.
func requireLoopback(server string) error {
	u, err := url.Parse(server)
	if err != nil {
		return fmt.Errorf("--server: %w", err)
	}
	if u.Scheme != "http" || u.Hostname() == "" {
		return fmt.Errorf("--server must be an http:// URL, not %q", server)
	}
	if !loopback(u.Hostname()) {
		return fmt.Errorf("--server %s: plain http is for control planes on this machine (127.0.0.1, ::1, localhost) only", server)
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
