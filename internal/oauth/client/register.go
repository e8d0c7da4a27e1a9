package client

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// Registration is a client together with what is said about it only once.
type Registration struct {
	*Client
	// Secret is `client_secret`: given by whoever registers, or answered once when it is new.
	Secret string `json:"client_secret,omitempty"`
	// RegistrationAccessToken and RegistrationClientURI belong to dynamic
	// registration; they are read over, so that an answer can be sent back as it is.
	RegistrationAccessToken string `json:"registration_access_token,omitempty"`
	RegistrationClientURI   string `json:"registration_client_uri,omitempty"`
}

// Register holds what registering clients needs: the rules, the store and the hasher.
type Register struct {
	// Store keeps the clients.
	Store *Store
	// Rules say what may be registered.
	Rules Rules
	// Hasher makes what is kept of secrets.
	Hasher *secret.Hasher
	// Fetch reads the document at a sector_identifier_uri; it bounds time and size by itself.
	Fetch func(ctx context.Context, url string) ([]byte, error)
	// Forget ends what was issued to a client that is gone; nil when nothing is.
	Forget func(ctx context.Context, clientID string) error
	// Permit refuses who may not register the client as it is, or get at its credentials, because of what its tokens open; nil
	// when there is nothing that not everybody may who registers clients.
	Permit func(ctx context.Context, c *Client) error
	// Now is the clock.
	Now func() time.Time
}

// Create registers a client. The answer shows its secret, if it has one.
func (g *Register) Create(ctx context.Context, in Registration) (Registration, error) {
	c := in.Client
	if c == nil {
		c = new(Client)
	}
	if c.ID == "" {
		c.ID = secret.NewID()
	}
	c.CreatedAt = g.Now()
	c.UpdatedAt = c.CreatedAt
	shown, err := g.settle(ctx, c, in.Secret, nil)
	if err == nil {
		err = g.permit(ctx, c)
	}
	if err != nil {
		return Registration{}, err
	}
	if err := g.Store.Create(ctx, c); err != nil {
		return Registration{}, err
	}
	return Registration{Client: c, Secret: shown}, nil
}

// Replace puts the given registration in the place of the client's. Its secrets
// stay unless a new one is given, which ends all others.
func (g *Register) Replace(ctx context.Context, id string, raw json.RawMessage) (Registration, error) {
	var shown string
	c, err := g.Store.Change(ctx, id, func(c *Client) (next *Client, err error) {
		in, err := decode(raw) // anew each time: what is given becomes what is stored
		if err != nil {
			return nil, err
		}
		next, shown, err = g.succeed(ctx, c, in)
		return next, err
	})
	return Registration{Client: c, Secret: shown}, err
}

// Patch changes single members of the client by JSON Patch (RFC 6902).
func (g *Register) Patch(ctx context.Context, id string, raw json.RawMessage) (Registration, error) {
	patch, err := readPatch(raw)
	if err != nil {
		return Registration{}, err
	}
	var shown string
	c, err := g.Store.Change(ctx, id, func(c *Client) (next *Client, err error) {
		in, err := applyPatch(patch, c)
		if err != nil {
			return nil, err
		}
		next, shown, err = g.succeed(ctx, c, in)
		return next, err
	})
	return Registration{Client: c, Secret: shown}, err
}

// succeed returns what the registration makes of the client c, but for what
// only we may say.
func (g *Register) succeed(ctx context.Context, c *Client, in Registration) (next *Client, shown string, err error) {
	if next = in.Client; next == nil {
		next = new(Client)
	}
	if next.ID != "" && next.ID != c.ID {
		return nil, "", ErrInvalidMetadata.With("client_id cannot be changed: register another client instead.")
	}
	next.ID, next.CreatedAt = c.ID, c.CreatedAt
	if shown, err = g.settle(ctx, next, in.Secret, c.secrets); err == nil {
		err = g.permit(ctx, c, next)
	}
	return next, shown, err
}

// permit asks Permit about each of the clients.
func (g *Register) permit(ctx context.Context, all ...*Client) error {
	if g.Permit == nil {
		return nil
	}
	for _, c := range all {
		if err := g.Permit(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

// SetLifespans replaces the client's own lifetimes of tokens and nothing else.
func (g *Register) SetLifespans(ctx context.Context, id string, l Lifespans) (*Client, error) {
	return g.Store.Change(ctx, id, func(c *Client) (*Client, error) {
		c.Lifespans = l
		return c, checkLifespans(c)
	})
}

// Rotate gives the client a new secret: the given one, or one that is made where
// that is empty. Those before stay valid, up to five of them, until EndRotated.
// Where the client has the given one already, nothing is new, and none is shown.
func (g *Register) Rotate(ctx context.Context, id, given string) (Registration, error) {
	var shown string
	c, err := g.Store.Change(ctx, id, func(c *Client) (next *Client, err error) {
		shown = ""
		if !hasSecret(c.TokenEndpointAuthMethod) {
			return nil, ErrInvalidMetadata.Withf("A client with token_endpoint_auth_method %s has no secret to rotate.", c.TokenEndpointAuthMethod)
		}
		if err := g.permit(ctx, c); err != nil {
			return nil, err
		}
		if given != "" && g.same(ctx, c.secrets, given) {
			return c, nil
		}
		plain := given
		var fresh storedSecret
		if given == "" {
			plain, fresh = generate(g.Hasher, 0)
		} else if fresh, err = g.choose(ctx, given, 0); err != nil {
			return nil, err
		}
		shown, c.secrets = plain, rotated(c.secrets, fresh, g.Now())
		c.SecretExpiresAt = 0
		return c, nil
	})
	return Registration{Client: c, Secret: shown}, err
}

// EndRotated ends all secrets of the client but the current one.
func (g *Register) EndRotated(ctx context.Context, id string) (*Client, error) {
	return g.Store.Change(ctx, id, func(c *Client) (*Client, error) {
		if len(c.secrets) > 1 {
			c.secrets = c.secrets[:1]
		}
		return c, nil
	})
}

// Delete removes the client and ends what was issued to it. The latter is done too for a client that does not exist: an
// earlier attempt may have ended between the two.
func (g *Register) Delete(ctx context.Context, id string) error {
	gone := g.Store.Delete(ctx, id)
	if gone != nil && !errors.Is(gone, ErrNotFound) || g.Forget == nil || !ValidID(id) {
		return gone
	}
	if err := g.Forget(ctx, id); err != nil {
		return err
	}
	return gone
}

// settle holds the client to the rules and gives it its secrets.
func (g *Register) settle(ctx context.Context, c *Client, given string, kept []storedSecret) (shown string, err error) {
	if err := g.Rules.Settle(c); err != nil {
		return "", err
	}
	if err := g.checkSector(ctx, c); err != nil {
		return "", err
	}
	return g.giveSecrets(ctx, c, given, kept)
}

func hasSecret(method string) bool {
	return method == oauth.AuthSecretBasic || method == oauth.AuthSecretPost
}

// giveSecrets decides what secrets the client has from now on, and returns the
// one to show, if it is new.
func (g *Register) giveSecrets(ctx context.Context, c *Client, given string, kept []storedSecret) (shown string, err error) {
	if !hasSecret(c.TokenEndpointAuthMethod) {
		if given != "" {
			return "", ErrInvalidMetadata.Withf("client_secret is of no use with token_endpoint_auth_method %s: leave it out.", c.TokenEndpointAuthMethod)
		}
		c.secrets, c.SecretExpiresAt = nil, 0
		return "", nil
	}
	until := c.SecretExpiresAt
	if until != 0 && until <= g.Now().Unix() && (len(kept) == 0 || kept[0].ExpiresAt != until) {
		return "", ErrInvalidMetadata.With("client_secret_expires_at lies in the past: give Unix seconds that lie ahead, or 0 for a secret that does not expire.")
	}
	switch {
	case given == "" && len(kept) == 0:
		plain, fresh := generate(g.Hasher, until)
		c.secrets = []storedSecret{fresh}
		return plain, nil
	case given == "" || g.same(ctx, kept, given):
		c.secrets = slices.Clone(kept)
		c.secrets[0].ExpiresAt = until
		return given, nil
	}
	chosen, err := g.choose(ctx, given, until)
	c.secrets = []storedSecret{chosen}
	return given, err
}

// choose makes what is kept of a secret that somebody chose.
func (g *Register) choose(ctx context.Context, given string, until int64) (storedSecret, error) {
	if n := utf8.RuneCountInString(given); n < minChosenSecret || len(given) > maxChosenSecret {
		return storedSecret{}, ErrInvalidMetadata.Withf("client_secret must have at least %d characters and at most %d bytes; leave it out to have one made.", minChosenSecret, maxChosenSecret)
	}
	chosen, err := hashChosen(ctx, g.Hasher, given, until)
	if errors.Is(err, secret.ErrBusy) {
		return storedSecret{}, oauth.ErrTemporarilyUnavailable.Because(err)
	}
	return chosen, err
}

// same reports whether the secret given is the current one. Tools that hold a
// client in a desired state send its secret again and again; that is no new
// secret, and does not end those it was rotated away from.
func (g *Register) same(ctx context.Context, kept []storedSecret, given string) bool {
	if len(kept) == 0 {
		return false
	}
	ok, _, err := g.Hasher.Verify(ctx, kept[0].Encoded, given)
	return ok && err == nil
}

// checkSector reads the document at sector_identifier_uri, which must list
// every redirect URI (OpenID Connect Registration §5).
func (g *Register) checkSector(ctx context.Context, c *Client) error {
	if c.SectorIdentifierURI == "" {
		return nil
	}
	raw, err := g.Fetch(ctx, c.SectorIdentifierURI)
	if err != nil {
		return ErrInvalidMetadata.With("The document at sector_identifier_uri could not be read: it must answer a JSON array of redirect URIs.").Because(err)
	}
	var listed []string
	if err := json.Unmarshal(raw, &listed); err != nil {
		return ErrInvalidMetadata.With("The document at sector_identifier_uri is not a JSON array of redirect URIs.").Because(err)
	}
	for _, uri := range c.RedirectURIs {
		if !slices.Contains(listed, uri) {
			return ErrInvalidMetadata.Withf("The document at sector_identifier_uri does not list the redirect URI %s.", quote(uri))
		}
	}
	return nil
}

// decode reads a registration and says in the words of RFC 7591 what is wrong with it.
func decode(raw json.RawMessage) (Registration, error) {
	in := Registration{Client: new(Client)}
	if err := json.Unmarshal(raw, &in); err != nil {
		return in, explain(err)
	}
	return in, nil
}

func explain(err error) error {
	var known *fault.Error
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &kind) && kind.Field != "":
		return ErrInvalidMetadata.Withf("%s cannot be a JSON %s.", kind.Field, kind.Value).Because(err)
	case strings.HasPrefix(err.Error(), "json: unknown field "):
		return ErrInvalidMetadata.Withf("%s is no field of a client.", quote(strings.Trim(strings.TrimPrefix(err.Error(), "json: unknown field "), `"`)))
	}
	return ErrInvalidMetadata.With("The body is not a client in JSON: send an object with the client's fields.").Because(err)
}
