package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
)

const (
	// fillers is how many requests are under way while a database is filled.
	fillers = 16
	// fillBatch is how many identities one request makes.
	fillBatch = 1000
	// ofEach is that one of so many identities, and so many tokens, are remembered to be changed later.
	ofEach = 100
)

// filled is what of a full database is changed later: a hundredth of it.
type filled struct{ identities, tokens []string }

// hashed is some password's hash: identities that are imported bring theirs.
const hashed = "$argon2id$v=19$m=64,t=1,p=1$Z2F0ZWhvdXNlIGJlbmNobQ$h4iRZ/ybqWRpmqiMfYXyWfxLbWZFlnLwX9cmrgLQ0hM"

// fill gives a server as many identities as live tokens. Identities come by its API, as imports do, because each seals what is its
// own. Of the tokens a hundredth does, and the others are copies with digests of their own: nothing else binds such a row.
func (t *target) fill(ctx context.Context, n int) (*filled, error) {
	var f filled
	var mu sync.Mutex
	err := spread(ctx, (n+fillBatch-1)/fillBatch, func(ctx context.Context, at int) error {
		ids, err := t.manyPeople(ctx, min(fillBatch, n-at*fillBatch))
		mu.Lock()
		defer mu.Unlock()
		for i := 0; i < len(ids); i += ofEach {
			f.identities = append(f.identities, ids[i])
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	err = spread(ctx, n/ofEach, func(ctx context.Context, _ int) error {
		var got tokens
		err := t.form(ctx, t.public+"/oauth2/token", t.opaque, "grant_type=client_credentials&scope=read", &got)
		mu.Lock()
		defer mu.Unlock()
		f.tokens = append(f.tokens, got.AccessToken)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &f, t.database.run(ctx, fmt.Sprintf(`INSERT INTO oauth_token (tenant_id, digest, kind, family, client_id, grant_json, issued_at, expires_at)
		SELECT tenant_id, translate(rtrim(encode(sha256(gen_random_uuid()::text::bytea), 'base64'), '='), '+/', '-_'),
			kind, family, client_id, grant_json, issued_at, expires_at
		FROM oauth_token CROSS JOIN generate_series(1, %d)`, ofEach-1))
}

// manyPeople makes identities whose address is verified, and who bring their password's hash.
func (t *target) manyPeople(ctx context.Context, n int) ([]string, error) {
	type object map[string]any
	all := make([]object, n)
	for i := range all {
		email := newEmail()
		all[i] = object{"create": object{
			"schema_id": "default", "traits": object{"email": email, "name": object{"first": random()[:6], "last": random()[:9]}},
			"verifiable_addresses": []object{{"value": email, "via": "email", "verified": true, "status": "completed"}},
			"recovery_addresses":   []object{{"value": email, "via": "email"}},
			"credentials":          object{"password": object{"config": object{"hashed_password": hashed}}},
		}}
	}
	body, err := json.Marshal(object{"identities": all})
	if err != nil {
		return nil, err
	}
	var out struct {
		Identities []struct {
			Identity string          `json:"identity"`
			Error    json.RawMessage `json:"error"`
		} `json:"identities"`
	}
	if err := t.call(ctx, http.MethodPatch, t.admin+"/admin/identities", string(body), http.StatusOK, &out); err != nil {
		return nil, err
	}
	ids := make([]string, len(out.Identities))
	for i, one := range out.Identities {
		if ids[i] = one.Identity; one.Identity == "" {
			return nil, fmt.Errorf("an identity was not made: %s", one.Error)
		}
	}
	return ids, nil
}

// change changes the identities and revokes the tokens that fill remembered.
func (t *target) change(ctx context.Context, f *filled) error {
	err := spread(ctx, len(f.identities), func(ctx context.Context, at int) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPatch, t.admin+"/admin/identities/"+f.identities[at],
			strings.NewReader(`[{"op":"add","path":"/metadata_public","value":{"seen":true}}]`))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		return t.do(req, http.StatusOK, nil)
	})
	if err != nil {
		return err
	}
	return spread(ctx, len(f.tokens), func(ctx context.Context, at int) error {
		return t.form(ctx, t.public+"/oauth2/revoke", t.opaque, "token="+url.QueryEscape(f.tokens[at]), nil)
	})
}

// spread calls do for each number below n, several at a time, up to the first error.
func spread(ctx context.Context, n int, do func(ctx context.Context, at int) error) error {
	limited, end := context.WithCancelCause(ctx)
	defer end(nil)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range fillers {
		wg.Go(func() {
			for limited.Err() == nil {
				at := int(next.Add(1)) - 1
				if at >= n {
					return
				}
				if err := do(limited, at); err != nil {
					end(err)
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(limited)
}
