package identity

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// plain reports whether a password is to be hashed.
func (g *Given) plain() bool { return g != nil && g.Password != nil && g.Password.Config.Plain != "" }

// importInto gives the identity the credentials, beside those that it has: a password and a TOTP secret replace the old
// one, links, codes and keys are added. Policies for passwords do not apply: a person must be able to go on with the one
// that they have.
func (g *Given) importInto(ctx context.Context, id *Identity, hasher *secret.Hasher) error {
	if g == nil {
		return nil
	}
	steps := []func() error{
		func() error { return g.password(ctx, id, hasher) },
		func() error { return g.OIDC.importInto(id, OIDC) },
		func() error { return g.SAML.importInto(id, SAML) },
		func() error { return g.TOTP.importInto(id) },
		func() error { return g.codes(id) },
		func() error { return g.WebAuthn.importInto(id, WebAuthn) },
		func() error { return g.Passkey.importInto(id, Passkey) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (g *Given) password(ctx context.Context, id *Identity, hasher *secret.Hasher) error {
	if g.Password == nil {
		return nil
	}
	given := g.Password.Config
	if given.MigrationHook {
		return id.setConfig(Password, nil, passwordConfig{MigrationHook: true})
	}
	hashed := given.Hashed
	if given.Plain != "" {
		var err error
		if hashed, err = hasher.Hash(ctx, given.Plain.Reveal()); err != nil {
			return passwordFault(err)
		}
	} else if err := hasher.Accepts(hashed); err != nil {
		return ErrInvalid.Withf("credentials.password.config.hashed_password: %v.", err)
	}
	return id.setConfig(Password, nil, passwordConfig{Hashed: hashed})
}

// passwordFault says what a caller can do about a password that cannot be hashed.
func passwordFault(err error) error {
	switch {
	case errors.Is(err, secret.ErrTooLong):
		return ErrInvalid.With("credentials.password.config.password: it is longer than can be hashed.")
	case errors.Is(err, secret.ErrBusy):
		return errBusy.Because(err)
	}
	return err
}

// setConfig puts a credential with this document in the place of the one of its type. Without identifiers those of before
// stay.
func (i *Identity) setConfig(credential string, identifiers []string, config any) error {
	raw, err := marshal(config)
	if err != nil {
		return err
	}
	i.SetCredential(Credential{Type: credential, Identifiers: identifiers, Config: json.RawMessage(raw), Version: configVersion(credential)})
	i.Unproven = false // an administrator lets the person in
	return nil
}

// configVersion is the version of the form of a document that we write.
func configVersion(credential string) int {
	if credential == WebAuthn || credential == Passkey {
		return 1
	}
	return 0
}

// config reads the document of a credential that the identity has; v stays as it is where there is none.
func (i *Identity) config(credential string, v any) error {
	c, ok := i.Credentials[credential]
	if !ok || len(c.Config) == 0 {
		return nil
	}
	return json.Unmarshal(c.Config, v)
}

func (g *givenLinks) importInto(id *Identity, credential string) error {
	if g == nil {
		return nil
	}
	var config linkConfig
	if err := id.config(credential, &config); err != nil {
		return err
	}
	identifiers := slices.Clone(id.Credentials[credential].Identifiers)
	for _, p := range g.Config.Providers {
		name := LinkIdentifier(p.Provider, p.Subject)
		if p.Provider == "" || p.Subject == "" || !validIdentifier(name) {
			return ErrInvalid.Withf("credentials.%s.config.providers: a provider or subject is missing, too long, or of more than one line.", credential)
		}
		if slices.Contains(identifiers, name) {
			continue
		}
		identifiers = append(identifiers, name)
		next := link{Subject: p.Subject, Provider: p.Provider, UseAutoLink: p.UseAutoLink && credential == OIDC}
		if p.Organization != nil {
			next.Organization = *p.Organization
		}
		config.Providers = append(config.Providers, next)
	}
	return id.setConfig(credential, identifiers, config)
}

// LinkIdentifier is the identifier of a person at another provider, as Ory writes it.
func LinkIdentifier(provider, subject string) string { return provider + ":" + subject }

func (g *givenTOTP) importInto(id *Identity) error {
	if g == nil {
		return nil
	}
	u, err := url.Parse(g.Config.URL.Reveal())
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" || u.Query().Get("secret") == "" {
		return ErrInvalid.With("credentials.totp.config.totp_url: it is no otpauth://totp/… URL with a secret.")
	}
	return id.setConfig(TOTP, nil, totpConfig{URL: g.Config.URL.Reveal()})
}

func (g *Given) codes(id *Identity) error {
	if g.Lookup == nil {
		return nil
	}
	var config lookupConfig
	if err := id.config(LookupSecret, &config); err != nil {
		return err
	}
	for _, code := range g.Lookup.Config.Codes {
		if code.Code == "" {
			return ErrInvalid.With("credentials.lookup_secret.config.codes: a code is empty.")
		}
		config.Codes = append(config.Codes, code)
	}
	return id.setConfig(LookupSecret, nil, config)
}

// importInto adds keys; one with the id of a key that is there takes its place.
func (g *givenKeys) importInto(id *Identity, credential string) error {
	if g == nil {
		return nil
	}
	var config webauthnConfig
	if err := id.config(credential, &config); err != nil {
		return err
	}
	for _, key := range g.Config.Credentials {
		if len(key.ID) == 0 || len(key.PublicKey) == 0 {
			return ErrInvalid.Withf("credentials.%s.config.credentials: a key has no id or no public_key.", credential)
		}
		at := slices.IndexFunc(config.Credentials, func(old webauthnKey) bool { return bytes.Equal(old.ID, key.ID) })
		if at < 0 {
			config.Credentials = append(config.Credentials, key)
		} else {
			config.Credentials[at] = key
		}
	}
	if len(g.Config.UserHandle) > 0 {
		config.UserHandle = g.Config.UserHandle
	}
	if len(config.UserHandle) == 0 {
		return ErrInvalid.Withf("credentials.%s.config.user_handle: it is missing.", credential)
	}
	identifiers := slices.Clone(id.Credentials[credential].Identifiers)
	if handle := string(config.UserHandle); credential == Passkey && validIdentifier(handle) && !slices.Contains(identifiers, handle) {
		identifiers = append(identifiers, handle)
	}
	return id.setConfig(credential, identifiers, config)
}
