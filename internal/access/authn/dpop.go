package authn

import (
	"context"
	"crypto"
	"crypto/sha256"
	"errors"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/target"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

const (
	proofHeader = "Dpop" // as net/textproto writes DPoP
	proofType   = "dpop+jwt"
	// maxProof is the longest proof that is read, in bytes.
	maxProof = 8 << 10
	// proofAge is how old a proof may be, and proofSkew how far a client's clock may be ahead (RFC 9449 §11.1).
	proofAge  = time.Minute
	proofSkew = 10 * time.Second
)

// proofAlgorithms are asymmetric ones alone (RFC 9449 §4.3 item 5).
func proofAlgorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{
		jose.ES256, jose.ES384, jose.ES512, jose.EdDSA, jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
	}
}

// proofClaims are the claims of a proof (RFC 9449 §4.2): jti, htm, htu, iat, ath.
type proofClaims struct {
	ID     string
	Method string
	URL    string
	Issued moment
	Token  string
}

// proof checks the DPoP proof of a request in the order of RFC 9449 §4.3. Nonces are not asked for: the proof's age is bounded
// and each is accepted once by this process.
func (c *confirmer) proof(ctx context.Context, r *access.Request, token, thumbprint string) error {
	fields := r.Header[proofHeader]
	if len(fields) != 1 { // item 1
		return errors.New("there must be one DPoP header")
	}
	claims, key, err := parseProof(fields[0])
	if err != nil {
		return err
	}
	if claims.Method != r.Method { // item 8
		return errors.New("htm is not the request's method")
	}
	if !sameTarget(claims.URL, &r.Target) { // item 9
		return errors.New("htu is not the request's URL")
	}
	now := c.now()
	if claims.Issued.After(now.Add(proofSkew)) || now.Sub(claims.Issued.Time) > proofAge { // item 11
		return errors.New("iat is too old or in the future")
	}
	if !sameThumbprint(sha256.Sum256([]byte(token)), claims.Token) { // item 12
		return errors.New("ath is not the token's hash")
	}
	if !sameThumbprint(key, thumbprint) { // item 12
		return errors.New("the key is not the one that the token is bound to")
	}
	// §11.1: each is accepted once. Ids are the client's to choose, so another key's are others.
	owner, _ := tenant.From(ctx)
	switch seen, room := c.proofs.add(string(owner)+" "+thumbprint+" "+claims.ID, now); {
	case !room:
		return errors.New("too many proofs at once to remember them")
	case seen:
		return errors.New("the proof was used before")
	}
	return nil
}

// parseProof reads a proof, checks its signature by the key in its header, and returns the key's thumbprint.
func parseProof(text string) (*proofClaims, [sha256.Size]byte, error) {
	var none [sha256.Size]byte
	if len(text) > maxProof {
		return nil, none, errors.New("the proof is too long")
	}
	jws, err := jose.ParseSignedCompact(text, proofAlgorithms()) // items 2 and 5
	if err != nil || len(jws.Signatures) != 1 {
		return nil, none, errors.New("the proof is not a JWT signed by a permitted algorithm")
	}
	header := &jws.Signatures[0].Protected
	if typ, _ := header.ExtraHeaders[jose.HeaderType].(string); typ != proofType { // item 4
		return nil, none, errors.New("typ is not dpop+jwt")
	}
	if header.JSONWebKey == nil || !header.JSONWebKey.Valid() || !header.JSONWebKey.IsPublic() { // item 7
		return nil, none, errors.New("jwk is missing, or is not a public key")
	}
	payload, err := jws.Verify(header.JSONWebKey) // item 6
	if err != nil {
		return nil, none, errors.New("the signature does not match")
	}
	var claims proofClaims
	if err := members(payload, map[string]any{
		"jti": &claims.ID, "htm": &claims.Method, "htu": &claims.URL, "iat": &claims.Issued, "ath": &claims.Token,
	}); err != nil {
		return nil, none, err
	}
	if claims.ID == "" || claims.Method == "" || claims.URL == "" || claims.Token == "" || claims.Issued.IsZero() { // items 3 and 12
		return nil, none, errors.New("jti, htm, htu, iat or ath are missing")
	}
	if len(claims.ID) > 256 {
		return nil, none, errors.New("jti is too long")
	}
	thumbprint, err := header.JSONWebKey.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, none, errors.New("the key has no thumbprint")
	}
	return &claims, [sha256.Size]byte(thumbprint), nil
}

// sameTarget compares htu with where the request goes, without query and fragment, after the normalizations of RFC 3986 §6.2.2
// and §6.2.3 (RFC 9449 §4.3), which are those of every target.
func sameTarget(htu string, t *target.Target) bool {
	u, err := url.Parse(htu)
	if err != nil || u.User != nil || u.Opaque != "" || u.Host == "" {
		return false
	}
	named, err := target.Parse(u.Scheme, u.Host, u.EscapedPath(), "", target.Options{})
	return err == nil && named.Scheme == t.Scheme && named.Host == t.Host && named.Path == t.Path
}
