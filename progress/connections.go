package progress

import (
	"maps"
	"net/netip"
	"slices"
	"sync"

	"github.com/pocketbase/pocketbase/core"
)

// How many connections may be open at once.
const (
	maxPerUser  = 32
	maxPerGuest = 64 // per address; connections that have not yet said who they are
)

// holder is who has a connection.
type holder struct {
	account  string // id of a user or superuser; "" for a guest
	address  string // counts guests
	user     bool
	admin    bool
	tokenKey string
	access   Access // of a user
}

func (h holder) key() string {
	if h.account != "" {
		return h.account
	}
	return h.address
}

func (h holder) limit() int {
	if h.account != "" {
		return maxPerUser
	}
	return maxPerGuest
}

// holderOf answers the holder for a request. A user counts only with an Access: no token of PocketBase's is one.
func holderOf(e *core.RequestEvent) holder {
	h := holder{address: AddressKey(e.RealIP())}
	if e.Auth != nil {
		h.account, h.tokenKey = e.Auth.Id, e.Auth.TokenKey()
		h.access, h.user = e.Get(AccessKey).(Access)
		h.user = h.user && e.Auth.Collection().Name == "users"
		h.admin = h.user && h.access.Admin
	}
	return h
}

// AddressKey answers what limits per address count by: an IPv4 address, or the /64 of an IPv6 one.
func AddressKey(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return ip
	}
	addr = addr.Unmap()
	if addr.Is4() {
		return addr.String()
	}
	prefix, err := addr.WithZone("").Prefix(64)
	if err != nil {
		return ip
	}
	return prefix.String()
}

// connections is the index from holders to their connections.
type connections struct {
	mu       sync.Mutex
	byHolder map[string]map[*client]struct{}
	admins   map[*client]struct{}
}

func newConnections() *connections {
	return &connections{byHolder: map[string]map[*client]struct{}{}, admins: map[*client]struct{}{}}
}

// assign gives the connection to a holder; false when that one has too many.
func (s *connections) assign(c *client, h holder) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.byHolder[h.key()]
	if _, has := held[c]; !has && len(held) >= h.limit() {
		return false
	}
	s.remove(c)
	if s.byHolder[h.key()] == nil {
		s.byHolder[h.key()] = map[*client]struct{}{}
	}
	s.byHolder[h.key()][c] = struct{}{}
	if h.admin {
		s.admins[c] = struct{}{}
	}
	c.holder = h
	return true
}

func (s *connections) release(c *client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(c)
}

func (s *connections) remove(c *client) {
	held := s.byHolder[c.holder.key()]
	delete(held, c)
	if len(held) == 0 {
		delete(s.byHolder, c.holder.key())
	}
	delete(s.admins, c)
}

// of answers an account's connections that fn accepts.
func (s *connections) of(account string, fn func(*client) bool) []*client {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*client
	for c := range s.byHolder[account] {
		if fn(c) {
			out = append(out, c)
		}
	}
	return out
}

func (s *connections) isAdmin(c *client) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, is := s.admins[c]
	return is
}

// ofAdmins answers all admins' connections.
func (s *connections) ofAdmins() []*client {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.admins))
}
