package api

import (
	"strings"
	"time"

	"github.com/pocketbase/pocketbase/core"

	"github.com/longshore-project/longshore/progress"
)

// How often in an hour mails may be asked for, by one account and from one address.
const (
	askWindow          = time.Hour
	asksPerAccount     = 5
	asksPerAddress     = 30
	registersPerEmail  = 5
	registersPerSource = 20
)

// asks limits how often somebody makes Longshore send mails to an account.
type asks struct {
	kind                string
	accounts, addresses *limiter
}

func newAsks(kind string, perAccount, perAddress int, now func() time.Time) *asks {
	a := &asks{kind: kind, accounts: newLimiter(perAccount, now), addresses: newLimiter(perAddress, now)}
	a.accounts.window, a.addresses.window = askWindow, askWindow
	return a
}

// spend notes one more, or answers rate_limited. It never looks whether there is such an account.
func (a *asks) spend(e *core.RequestEvent, account string) error {
	if wait, ok := a.addresses.take(progress.AddressKey(e.RealIP())); !ok {
		return tooMany(e, wait)
	}
	if wait, ok := a.accounts.take(strings.ToLower(strings.TrimSpace(account))); !ok {
		return tooMany(e, wait)
	}
	return nil
}
