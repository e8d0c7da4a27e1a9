package session

import (
	"encoding/json"
	"net/netip"
	"slices"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/spell"
)

// Session says that a person is signed in. Its JSON is Kratos', as it may be shown to the person: without
// metadata_admin and credentials. Admin is the one for administrators.
type Session struct {
	// ID is a UUID. It is no secret and opens nothing.
	ID string
	// Active tells whether the session was good when it was read: not revoked, not expired, of an active identity.
	Active bool
	// ExpiresAt is when it ends by itself.
	ExpiresAt time.Time
	// AuthenticatedAt is when the person last proved who they are.
	AuthenticatedAt time.Time
	// AAL is the authenticator assurance level that Methods amount to.
	AAL string
	// Methods are what the person proved who they are with, oldest first.
	Methods []AuthMethod
	// IssuedAt is when the session began.
	IssuedAt time.Time
	// Identity is who is signed in. It is shared with other requests: do not change it. Nil where a list left it out.
	Identity *identity.Identity
	// IdentityID is who is signed in; always there.
	IdentityID string
	// Devices are where the session was used from, oldest first. Nil where a list left them out.
	Devices []Device
	// Tokenized is the session as a JWT, where one was asked for.
	Tokenized string

	epoch   *int64 // of the identity when the credential was proven; nil for a session of before there were epochs
	proven  int64  // the same for the proof that Renew was called for; Update insists on it
	revoked bool
	digest  string // of the token
	former  string // digest of the token that Renew put away; Update insists on it
}

// AuthMethod is one proof of who somebody is.
type AuthMethod struct {
	// Method is the kind: password, code, totp, oidc, link_recovery and so on.
	Method string `json:"method"`
	// AAL is the level that it contributes, aal1 or aal2.
	AAL string `json:"aal"`
	// CompletedAt is when; Store fills it in where it is zero.
	CompletedAt time.Time `json:"completed_at"`
	// Provider is the id of the upstream provider, for social sign-in.
	Provider string `json:"provider,omitempty"`
	// Organization is the id of the organization that was signed in to.
	Organization string `json:"organization,omitempty"`
	// UpstreamACR and UpstreamAMR are what the upstream provider said of its own sign-in.
	UpstreamACR string   `json:"upstream_acr,omitempty"`
	UpstreamAMR []string `json:"upstream_amr,omitempty"`
}

// Device is where a session was used from.
type Device struct {
	// ID is a UUID.
	ID string `json:"id"`
	// IPAddress, UserAgent and Location are what was known, nil otherwise. Location is a place in words.
	IPAddress *string `json:"ip_address"`
	UserAgent *string `json:"user_agent"`
	Location  *string `json:"location"`
}

// Client is what is known about who sends a request: ClientOf reads it from one.
type Client struct {
	// IP is the address behind the proxies that are trusted.
	IP netip.Addr
	// UserAgent is what the browser or app calls itself.
	UserAgent string
	// Location is a place in words, where a trusted proxy tells it.
	Location string
}

// Bounds of what a client says about itself and of how many devices a session remembers.
const (
	maxUserAgent = 512
	maxLocation  = 128
	maxDevices   = 20
)

func (c Client) device() Device {
	d := Device{ID: secret.NewID(), UserAgent: known(c.UserAgent, maxUserAgent), Location: known(c.Location, maxLocation)}
	if c.IP.IsValid() {
		d.IPAddress = known(c.IP.String(), maxLocation)
	}
	return d
}

// known returns nil for nothing, and otherwise as much of the text as n bytes hold.
func known(s string, n int) *string {
	s = spell.Fit(s, n)
	if s == "" {
		return nil
	}
	return &s
}

// same tells whether two devices are one, as far as anybody can tell.
func (d Device) same(o Device) bool {
	eq := func(a, b *string) bool { return a == b || a != nil && b != nil && *a == *b }
	return eq(d.IPAddress, o.IPAddress) && eq(d.UserAgent, o.UserAgent) && eq(d.Location, o.Location)
}

// seen adds a device unless it was the last one already.
func (s *Session) seen(c Client) {
	d := c.device()
	if n := len(s.Devices); n > 0 && s.Devices[n-1].same(d) {
		return
	}
	s.Devices = append(slices.Clip(s.Devices), d)
	if over := len(s.Devices) - maxDevices; over > 0 {
		s.Devices = s.Devices[over:]
	}
}

// overtaken tells whether the credential of the session was replaced, or all sessions were ended, after it was proven and before
// the session was stored. Who the session is of must be known.
func (s *Session) overtaken() bool {
	return s.Identity != nil && s.epoch != nil && *s.epoch < s.Identity.SessionEpoch
}

// live tells whether the session is good at a time.
func (s *Session) live(now time.Time) bool {
	return !s.revoked && now.Before(s.ExpiresAt) && (s.Identity == nil || s.Identity.IsActive())
}

// wire is a session as it is sent; the order of its members is Kratos'.
type wire struct {
	ID              string             `json:"id"`
	Active          bool               `json:"active"`
	ExpiresAt       time.Time          `json:"expires_at"`
	AuthenticatedAt time.Time          `json:"authenticated_at"`
	AAL             string             `json:"authenticator_assurance_level"`
	Methods         []AuthMethod       `json:"authentication_methods"`
	IssuedAt        time.Time          `json:"issued_at"`
	Identity        *identity.Identity `json:"identity"`
	Devices         []Device           `json:"devices"`
	Tokenized       string             `json:"tokenized,omitempty"`
}

func (s *Session) wire(who *identity.Identity) wire {
	return wire{s.ID, s.Active, s.ExpiresAt, s.AuthenticatedAt, s.AAL, s.Methods, s.IssuedAt, who, s.Devices, s.Tokenized}
}

// MarshalJSON gives Kratos' document as the person may see it.
func (s *Session) MarshalJSON() ([]byte, error) {
	who := s.Identity
	if who != nil {
		who = who.Public()
	}
	return json.Marshal(s.wire(who))
}

// Admin is a session whose JSON is for administrators: the identity keeps its metadata_admin.
type Admin struct{ *Session }

// MarshalJSON gives Kratos' document as an administrator may see it.
func (a Admin) MarshalJSON() ([]byte, error) {
	who := a.Identity
	if who != nil && who.Credentials != nil {
		c := *who
		c.Credentials = nil
		who = &c
	}
	return json.Marshal(a.wire(who))
}
