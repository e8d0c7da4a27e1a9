package identity

import (
	"slices"
	"strings"
)

// Link is an account at another provider with which an identity signs in.
type Link struct {
	// Provider is the provider's id in the configuration, Subject what it calls the person.
	Provider, Subject string
	// IDToken, AccessToken and RefreshToken are what the provider gave when the link was made.
	IDToken, AccessToken, RefreshToken string
}

// Links returns the accounts of OIDC. Credentials must have been read.
func (i *Identity) Links() ([]Link, error) {
	var config linkConfig
	if err := i.config(OIDC, &config); err != nil {
		return nil, err
	}
	all := make([]Link, len(config.Providers))
	for n, l := range config.Providers {
		all[n] = Link{Provider: l.Provider, Subject: l.Subject, IDToken: l.IDToken, AccessToken: l.AccessToken, RefreshToken: l.RefreshToken}
	}
	return all, nil
}

// AddLink adds an account to those of OIDC, or puts it in the place of the same one.
func (i *Identity) AddLink(l Link) error {
	var config linkConfig
	if err := i.config(OIDC, &config); err != nil {
		return err
	}
	name := LinkIdentifier(l.Provider, l.Subject)
	if !validIdentifier(name) {
		return ErrInvalid.With("The provider names the person in a way that is too long, or of more than one line.")
	}
	made := link{Provider: l.Provider, Subject: l.Subject, IDToken: l.IDToken, AccessToken: l.AccessToken, RefreshToken: l.RefreshToken}
	at := slices.IndexFunc(config.Providers, func(o link) bool { return o.Provider == l.Provider && o.Subject == l.Subject })
	if at < 0 {
		config.Providers = append(config.Providers, made)
	} else {
		made.Organization, made.UseAutoLink = config.Providers[at].Organization, config.Providers[at].UseAutoLink
		config.Providers[at] = made
	}
	identifiers := slices.Clone(i.Credentials[OIDC].Identifiers)
	if !slices.Contains(identifiers, name) {
		identifiers = append(identifiers, name)
	}
	return i.setConfig(OIDC, identifiers, config)
}

// RemoveLinks removes the accounts at the provider from those of OIDC.
func (i *Identity) RemoveLinks(provider string) error {
	var config linkConfig
	if err := i.config(OIDC, &config); err != nil {
		return err
	}
	config.Providers = slices.DeleteFunc(config.Providers, func(l link) bool { return l.Provider == provider })
	if len(config.Providers) == 0 {
		delete(i.Credentials, OIDC)
		return nil
	}
	rest := slices.DeleteFunc(slices.Clone(i.Credentials[OIDC].Identifiers), func(name string) bool {
		return strings.HasPrefix(name, LinkIdentifier(provider, ""))
	})
	return i.setConfig(OIDC, rest, config)
}
