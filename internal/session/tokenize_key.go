package session

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-iam/gatehouse/internal/fetch"
)

// maxDocument bounds a set of keys and a claims mapper, in bytes.
const maxDocument = 256 << 10

// CheckDocuments reads the tokenizer's keys and compiles its programs, and returns what is wrong, each fault with the path of its
// field below `session`. compile says where a Jsonnet program is wrong.
func (c Config) CheckDocuments(compile func(program string) error) (faults []error) {
	for name, t := range c.Whoami.Tokenizer.Templates {
		for _, d := range []struct {
			field, uri string
			check      func([]byte) error
		}{
			{"jwks_url", t.JWKSURL.Reveal(), func(document []byte) error { _, err := signWith(document); return err }},
			{"claims_mapper_url", t.ClaimsMapperURL, func(program []byte) error { return compile(string(program)) }},
		} {
			if d.uri == "" {
				continue
			}
			document, err := fetch.ReadLocal(d.uri, maxDocument)
			if err == nil {
				err = d.check(document)
			}
			if err != nil {
				faults = append(faults, fmt.Errorf("whoami.tokenizer.templates.%s.%s: %w", name, d.field, err))
			}
		}
	}
	return faults
}

// algorithms that sign a session's JWT (RFC 7518 §3.1, RFC 8037 §3.1); none of them is "none".
func algorithms() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512"}
}

// signWith returns a function that signs with the first private signing key of a JWK set (RFC 7517 §5). Errors hold
// nothing of the keys.
func signWith(document []byte) (func(claims []byte) (string, error), error) {
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(document, &set); err != nil || len(set.Keys) == 0 {
		return nil, errors.New("is not a JSON Web Key Set with keys in it")
	}
	for _, key := range set.Keys {
		if _, symmetric := key.Key.([]byte); !symmetric && key.IsPublic() || key.Use == "enc" {
			continue
		}
		return signWithKey(key)
	}
	return nil, errors.New("has no private key for signing")
}

func signWithKey(key jose.JSONWebKey) (func([]byte) (string, error), error) {
	known := false
	for _, name := range algorithms() {
		known = known || key.Algorithm == name
	}
	if !known || key.KeyID == "" {
		return nil, fmt.Errorf("the first private key needs a kid, and an alg that is one of %s", strings.Join(algorithms(), ", "))
	}
	options := (&jose.SignerOptions{}).WithType(typeJWT).WithHeader("kid", key.KeyID)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.Algorithm), Key: key.Key}, options)
	if err != nil {
		return nil, fmt.Errorf("the key %s does not go with its alg %s", key.KeyID, key.Algorithm)
	}
	sign := func(claims []byte) (string, error) {
		signed, err := signer.Sign(claims)
		if err != nil {
			return "", err
		}
		return signed.CompactSerialize()
	}
	if _, err := sign([]byte("{}")); err != nil {
		return nil, fmt.Errorf("the key %s cannot sign", key.KeyID)
	}
	return sign, nil
}
