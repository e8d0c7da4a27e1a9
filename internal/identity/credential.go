package identity

import (
	"encoding/json"
	"slices"
	"time"
)

// codeConfig is the document of code credentials: where codes are sent.
type codeConfig struct {
	Addresses []codeAddressConfig `json:"addresses"`
}

type codeAddressConfig struct {
	Channel string `json:"channel"`
	Address string `json:"address"`
}

// derive puts into the credentials what follows from the traits: the identifiers of passwords and security keys, and the
// code credential as a whole. was are the identifiers of security keys that the traits of before gave.
func (p *prepared) derive(credentials map[string]Credential, was []string, now time.Time) error {
	if c, ok := credentials[Password]; ok {
		c.Identifiers = p.found.Identifiers[Password]
		credentials[Password] = c
	}
	if c, ok := credentials[WebAuthn]; ok {
		c.Identifiers = p.mergeWebAuthn(c.Identifiers, was)
		credentials[WebAuthn] = c
	}
	codes := p.found.Identifiers[Code]
	if len(codes) == 0 {
		delete(credentials, Code)
		return nil
	}
	var config codeConfig
	for _, address := range codes {
		config.Addresses = append(config.Addresses, codeAddressConfig{Channel: p.found.CodeVia[address], Address: address})
	}
	raw, err := json.Marshal(config)
	if err != nil {
		return err
	}
	c, ok := credentials[Code]
	if !ok {
		c = Credential{Type: Code, CreatedAt: now}
	}
	c.Identifiers, c.Config, c.Version = codes, raw, 1
	credentials[Code] = c
	return nil
}

// mergeWebAuthn keeps the identifiers that security keys brought along, and takes those of the schema anew.
func (p *prepared) mergeWebAuthn(old, was []string) []string {
	merged := slices.Clone(p.found.Identifiers[WebAuthn])
	for _, identifier := range old {
		if !slices.Contains(was, identifier) && !slices.Contains(merged, identifier) {
			merged = append(merged, identifier)
		}
	}
	return merged
}

// AvailableAAL returns the highest assurance level that the identity's credentials can reach: AAL0 without any, AAL1
// with a first factor, AAL2 with a second one. Where the credentials were not all read, it is what they were when the
// identity was.
func AvailableAAL(id *Identity) string {
	if id.stored != nil && (!id.stored.complete || id.Credentials == nil) {
		return id.stored.aal
	}
	return aalOf(id.Credentials)
}

func aalOf(credentials map[string]Credential) string {
	first, second := factors(credentials)
	switch {
	case second > 0:
		return AAL2
	case first > 0:
		return AAL1
	}
	return AAL0
}

// factors counts the credentials that a person can begin a login with, and those that can be asked for besides.
func factors(credentials map[string]Credential) (first, second int) {
	for _, c := range credentials {
		f, s := c.factors()
		first, second = first+f, second+s
	}
	return first, second
}

// FirstFactors counts the credentials that the identity can begin a login with. codes says whether a one-time code is
// enough to sign in.
func FirstFactors(id *Identity, codes bool) int {
	first, _ := factors(id.Credentials)
	if _, ok := id.Credentials[Code]; ok && !codes {
		first--
	}
	return first
}

// anyConfig is of each document what tells whether the credential can be used.
type anyConfig struct {
	HashedPassword string            `json:"hashed_password"`
	MigrationHook  bool              `json:"use_password_migration_hook"`
	Providers      []json.RawMessage `json:"providers"`
	TOTPURL        string            `json:"totp_url"`
	RecoveryCodes  []struct {
		UsedAt *time.Time `json:"used_at"`
	} `json:"recovery_codes"`
	Credentials []struct {
		Passwordless bool `json:"is_passwordless"`
	} `json:"credentials"`
	Addresses []codeAddressConfig `json:"addresses"`
}

// factors says of one credential for how much it counts. A document that cannot be read counts for nothing.
func (c Credential) factors() (first, second int) {
	var config anyConfig
	if json.Unmarshal(c.Config, &config) != nil {
		return 0, 0
	}
	switch c.Type {
	case Password:
		return count(config.HashedPassword != "" || config.MigrationHook), 0
	case OIDC, SAML:
		return len(config.Providers), 0
	case Code:
		return count(len(config.Addresses) > 0), 0
	case Passkey:
		return len(config.Credentials), 0
	case WebAuthn:
		for _, key := range config.Credentials {
			if key.Passwordless {
				first++
			} else {
				second++
			}
		}
		return first, second
	case TOTP:
		return 0, count(config.TOTPURL != "")
	case LookupSecret:
		for _, code := range config.RecoveryCodes {
			second += count(code.UsedAt == nil || code.UsedAt.IsZero())
		}
		return 0, second
	}
	return 0, 0
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
