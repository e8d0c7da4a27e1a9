package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-iam/gatehouse/internal/apiclient"
	"github.com/gatehouse-iam/gatehouse/internal/trial"
)

// keys looks which keys came back, before anything could make one, and which are published.
func (t *run) keys(ctx context.Context) (string, error) {
	var sets []struct {
		Set  string
		Keys []struct{ KID, Use, State string }
	}
	if err := t.admin().Ask(ctx, apiclient.Call{Method: http.MethodGet, Path: "/admin/keys"}, &sets); err != nil {
		return "", err
	}
	t.set.restored = map[string]bool{}
	for _, s := range sets {
		for _, k := range s.Keys {
			t.set.restored[k.KID] = true
			if s.Set == t.KeySet && k.State == "active" {
				t.set.vital = append(t.set.vital, k.KID)
			}
		}
	}
	if err := t.public().Ask(ctx, apiclient.Call{Method: http.MethodGet, Path: "/.well-known/jwks.json"}, &t.published); err != nil {
		return "", err
	}
	var ids []string
	for _, k := range t.published.Keys {
		ids = append(ids, k.KeyID)
	}
	return t.set.judge(ids)
}

// discovery reads the tenant's document.
func (t *run) discovery(ctx context.Context) (string, error) {
	var d struct{ Issuer string }
	if err := t.public().Ask(ctx, apiclient.Call{Method: http.MethodGet, Path: "/.well-known/openid-configuration"}, &d); err != nil {
		return "", err
	}
	if d.Issuer != t.of.Issuer {
		return "", fmt.Errorf("the issuer is %s, and not %s", d.Issuer, t.of.Issuer)
	}
	return d.Issuer, nil
}

func (t *run) opaque(ctx context.Context) (string, error) {
	_, err := t.token(ctx, "opaque")
	return "", err
}

// signed checks a token's signature as an application does that knows the published keys alone.
func (t *run) signed(ctx context.Context) (string, error) {
	text, err := t.token(ctx, "jwt")
	if err != nil {
		return "", err
	}
	var algs []jose.SignatureAlgorithm
	for _, k := range t.published.Keys {
		algs = append(algs, jose.SignatureAlgorithm(k.Algorithm))
	}
	// The set may have got this set's first key just now.
	if err := t.public().Ask(ctx, apiclient.Call{Method: http.MethodGet, Path: "/.well-known/jwks.json"}, &t.published); err != nil {
		return "", err
	}
	token, err := jose.ParseSignedCompact(text, algs)
	if err != nil {
		return "", errors.New("the token is no JWT that is signed by an algorithm of the published keys")
	}
	id := token.Signatures[0].Header.KeyID
	keys := t.published.Key(id)
	if len(keys) == 0 {
		return "", fmt.Errorf("the token is signed by the key %s, which is not published", id)
	}
	content, err := token.Verify(keys[0])
	if err != nil {
		return "", fmt.Errorf("the key %s that is published has not signed the token", id)
	}
	var claims struct {
		Issuer string `json:"iss"`
	}
	if json.Unmarshal(content, &claims) != nil || claims.Issuer != t.of.Issuer {
		return "", fmt.Errorf("the token is issued by %s, and not by %s", claims.Issuer, t.of.Issuer)
	}
	if !t.set.restored[id] {
		return "signed by a key that was made for the drill", nil
	}
	return "signed by the key " + id + " of the backup", nil
}

// token makes a client, gets a token for it and has it looked up.
func (t *run) token(ctx context.Context, strategy string) (string, error) {
	_, token, err := trial.Token(ctx, t.public(), t.admin(), map[string]any{
		"client_name": "gatehouse backup drill", "scope": "drill", "access_token_strategy": strategy,
	})
	return token, err
}
