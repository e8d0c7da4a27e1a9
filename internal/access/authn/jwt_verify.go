package authn

import (
	"errors"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-iam/gatehouse/internal/access"
)

var (
	errNoKey     = errors.New("no key of this id and algorithm is published")
	errSignature = errors.New("the signature does not match")
	errType      = errors.New("the JWT is of another type")
)

// parseJWT reads a compact JWS. Types that are made for something else are refused (RFC 8725 §3.11).
func parseJWT(token string, algorithms []jose.SignatureAlgorithm) (*jose.JSONWebSignature, error) {
	jws, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil || len(jws.Signatures) != 1 {
		return nil, access.ErrUnauthorized.Because(errors.New("the token is not a JWT signed by a permitted algorithm"))
	}
	switch typeOf(jws) {
	case proofType, "logout+jwt", "secevent+jwt", "oauth-authz-req+jwt", "token-introspection+jwt", "client-authentication+jwt", "statuslist+jwt":
		return nil, access.ErrUnauthorized.Because(errType)
	}
	return jws, nil
}

// typeOf is the header typ in lower case, without "application/" (RFC 7515 §4.1.9).
func typeOf(jws *jose.JSONWebSignature) string {
	typ, _ := jws.Signatures[0].Protected.ExtraHeaders[jose.HeaderType].(string)
	return strings.TrimPrefix(strings.ToLower(typ), "application/")
}

// verifyBy checks the signature by the key that the token names, by each that fits where it names none, under the key's own
// algorithm (RFC 8725 §3.1).
func verifyBy(jws *jose.JSONWebSignature, keys []publicKey) (*verified, error) {
	header := &jws.Signatures[0].Protected
	err := errNoKey
	for i := range keys {
		k := &keys[i]
		if header.KeyID != "" && header.KeyID != k.jwk.KeyID || k.jwk.Algorithm != "" && k.jwk.Algorithm != header.Algorithm {
			continue
		}
		payload, bad := jws.Verify(k.jwk.Key)
		if bad != nil {
			err = errSignature
			continue
		}
		return readVerified(payload, typeOf(jws), k.mark)
	}
	return nil, err
}

// readVerified reads signed claims. The scopes are in the claim scp, whatever the issuer calls them, as Oathkeeper has it.
func readVerified(payload []byte, typ, mark string) (*verified, error) {
	v := &verified{typ: typ, mark: mark}
	var err error
	if v.known, err = readKnown(payload); err != nil {
		return nil, err
	}
	if v.claims, err = object(payload); err != nil || v.claims == nil {
		return nil, errors.New("the claims are no object")
	}
	v.scopes = v.granted()
	list := make([]any, len(v.scopes))
	for i, s := range v.scopes {
		list[i] = s
	}
	for _, name := range []string{"scp", "scope", "scopes"} {
		if _, there := v.claims[name]; there {
			delete(v.claims, name)
			break
		}
	}
	v.claims["scp"] = list
	return v, nil
}
