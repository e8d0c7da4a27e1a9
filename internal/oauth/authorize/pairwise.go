package authorize

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"

	"github.com/gatehouse-iam/gatehouse/internal/oauth"
	"github.com/gatehouse-iam/gatehouse/internal/oauth/client"
)

// clientSubject gives the `sub` that the client sees. Without pairwise subjects it is the subject itself. With them it
// is what the login app forces, or SHA-256 over sector, subject and salt (OpenID Connect Core §8.1), computed exactly
// as Ory Hydra does, so that a moved installation keeps its users' identifiers.
func clientSubject(c *client.Client, subject, forced string, policy Policy) string {
	if !policy.Pairwise.Enabled || c.SubjectType != oauth.SubjectPairwise {
		return subject
	}
	if forced != "" {
		return forced
	}
	sum := sha256.Sum256([]byte(sector(c) + subject + policy.Pairwise.Salt.Reveal()))
	return hex.EncodeToString(sum[:])
}

// sector is the host of the sector identifier, else of the redirect URIs, which a registration makes sure is one.
func sector(c *client.Client) string {
	from := c.SectorIdentifierURI
	if from == "" && len(c.RedirectURIs) > 0 {
		from = c.RedirectURIs[0]
	}
	u, err := url.Parse(from)
	if err != nil {
		return ""
	}
	return u.Host
}
