package client

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// Authenticator finds out which client sent a request (RFC 6749 §2.3). It
// accepts exactly the method that the client is registered with.
//
// Who guesses a secret learns nothing from the answer: unknown client, wrong
// secret and wrong method read the same and cost the same work. Who knows the
// secret is told what else is wrong.
type Authenticator struct {
	// Store has the clients.
	Store *Store
	// Hasher verifies secrets.
	Hasher *secret.Hasher
	// Keys has what clients publish under jwks_uri.
	Keys *RemoteKeys
	// Audiences are what assertions may be addressed to: issuer and token endpoint URL of the context's tenant.
	Audiences func(ctx context.Context) []string
	// AssertionMaxLifetime is how far ahead an assertion's exp may lie.
	AssertionMaxLifetime time.Duration
	// Now is the clock.
	Now func() time.Time
	// Failed is told of requests whose credentials are wrong, with what they claim; nil is told nothing.
	Failed func(ctx context.Context, clientID, method string)
	// Log hears of secrets that could not be renewed; nil hears nothing.
	Log *slog.Logger

	mu    sync.Mutex
	decoy struct{ keyed, slow string } // stored forms of secrets that nobody has
}

// Credentials are what a request says about its client, by one method.
type Credentials struct {
	// Method is the authentication method that the request uses.
	Method string
	// ID is the client id; empty only where an assertion names the client.
	ID string
	// Secret is the client secret of the two secret methods.
	Secret string
	// Assertion is the JWT of private_key_jwt.
	Assertion string
}

// Verify returns the client that the credentials prove, or ErrInvalidClient.
func (a *Authenticator) Verify(ctx context.Context, claimed Credentials) (*Client, error) {
	if claimed.Method == oauth.AuthPrivateKeyJWT {
		return a.assert(ctx, claimed)
	}
	c, err := a.Store.Get(ctx, claimed.ID)
	if errors.Is(err, ErrNotFound) {
		return nil, a.fail(ctx, nil, claimed, "unknown client")
	} else if err != nil {
		return nil, err
	}
	if claimed.Method == oauth.AuthNone {
		if c.Public() {
			return c, nil
		}
		return nil, oauth.ErrInvalidClient.Because(errors.New("no credentials, but the client is confidential"))
	}
	return a.verifySecret(ctx, c, claimed)
}

func (a *Authenticator) verifySecret(ctx context.Context, c *Client, claimed Credentials) (*Client, error) {
	found, stale, err := matchSecret(ctx, a.Hasher, c.secrets, claimed.Secret)
	switch {
	case errors.Is(err, secret.ErrBusy):
		return nil, oauth.ErrTemporarilyUnavailable.Because(err)
	case err != nil:
		return nil, err
	case found < 0:
		return nil, a.fail(ctx, c, claimed, "wrong secret, or the client has none")
	case c.secrets[found].expired(a.Now()):
		return nil, refuse("the client secret has expired; rotate it")
	case c.TokenEndpointAuthMethod != claimed.Method:
		return nil, refuse("the client is registered with " + c.TokenEndpointAuthMethod + ", but the request used " + claimed.Method)
	}
	if stale {
		a.renew(ctx, c, found, claimed.Secret)
	}
	return c, nil
}

// matchSecret returns the index of the stored secret that was given, or -1. All
// are compared as long as none fits; one that cannot be read does not stand in
// the way of the others.
func matchSecret(ctx context.Context, h *secret.Hasher, stored []storedSecret, given string) (found int, stale bool, err error) {
	for i := range stored {
		ok, stale, failed := h.Verify(ctx, stored[i].Encoded, given)
		if ok && failed == nil {
			return i, stale, nil
		}
		if failed != nil && err == nil {
			err = failed
		}
	}
	return -1, false, err
}

// fail spends the work that a comparison would have cost and answers as ever.
// Once this server holds a client with a chosen secret, every failure costs one
// slow hash, so that neither kind of client nor none can be told from time.
func (a *Authenticator) fail(ctx context.Context, c *Client, claimed Credentials, why string) error {
	spent := false
	if c != nil {
		for _, s := range c.secrets {
			spent = spent || s.Chosen
		}
	}
	slow := !spent && a.Store.slowSecrets.Load()
	keyed, hashed := a.decoys(ctx, slow)
	if c == nil || len(c.secrets) == 0 {
		a.Hasher.MatchKeyed(keyed, claimed.Secret)
	}
	if hashed != "" {
		if _, _, err := a.Hasher.Verify(ctx, hashed, claimed.Secret); errors.Is(err, secret.ErrBusy) {
			return oauth.ErrTemporarilyUnavailable.Because(err)
		}
	}
	return oauth.ErrInvalidClient.Because(errors.New(why))
}

// decoys returns the stored forms of secrets that nobody has: a keyed digest,
// and when asked for a slow hash, which stays empty while the hasher is too busy.
func (a *Authenticator) decoys(ctx context.Context, slow bool) (keyed, hashed string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.decoy.keyed == "" {
		a.decoy.keyed = a.Hasher.KeyedDigest(secret.Random(secretBytes))
	}
	if !slow {
		return a.decoy.keyed, ""
	}
	if a.decoy.slow == "" {
		if fresh, err := a.Hasher.Hash(ctx, secret.Random(secretBytes)); err == nil {
			a.decoy.slow = fresh
		}
	}
	return a.decoy.keyed, a.decoy.slow
}

// renew stores a secret anew that was kept under an old key or at an old cost.
// The request does not fail when that fails: the next one tries again.
func (a *Authenticator) renew(ctx context.Context, c *Client, i int, plain string) {
	old := c.secrets[i]
	fresh := storedSecret{Encoded: a.Hasher.KeyedDigest(plain), ExpiresAt: old.ExpiresAt}
	if old.Chosen {
		var err error
		if fresh, err = hashChosen(ctx, a.Hasher, plain, old.ExpiresAt); err != nil {
			return
		}
	}
	_, err := a.Store.Change(ctx, c.ID, func(c *Client) (*Client, error) {
		for i := range c.secrets {
			if c.secrets[i].Encoded == old.Encoded {
				c.secrets[i] = fresh
			}
		}
		return c, nil
	})
	if err != nil && a.Log != nil {
		a.Log.WarnContext(ctx, "a client secret could not be stored under the current key", "client_id", c.ID, "error", err)
	}
}
