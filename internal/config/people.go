package config

import (
	"fmt"

	"github.com/gatehouse-iam/gatehouse/internal/method/code"
	"github.com/gatehouse-iam/gatehouse/internal/method/link"
	"github.com/gatehouse-iam/gatehouse/internal/method/oidc"
	"github.com/gatehouse-iam/gatehouse/internal/method/password"
	"github.com/gatehouse-iam/gatehouse/internal/method/profile"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
)

// Selfservice gathers what the flows and the sign-in methods read.
type Selfservice struct {
	selfservice.Config `yaml:",inline"`

	// Methods are the ways to sign in, each to be switched on and off.
	Methods Methods `yaml:"methods"`
}

// Methods are the sign-in methods.
type Methods struct {
	// Password signs people in with a password of their own choice.
	Password password.Config `yaml:"password"`
	// Code sends one-time codes: for recovery and verification, and to sign in where that is switched on.
	Code code.Config `yaml:"code"`
	// Profile lets people change what is known of them.
	Profile profile.Config `yaml:"profile"`
	// Link sends links that are opened once, for recovery and verification.
	Link link.Config `yaml:"link"`
	// OIDC signs people in who have an account at another provider that speaks OpenID Connect.
	OIDC oidc.Config `yaml:"oidc"`
}

func defaultSelfservice() Selfservice {
	return Selfservice{Config: selfservice.DefaultConfig(), Methods: Methods{
		Password: password.DefaultConfig(), Code: code.DefaultConfig(), Link: link.DefaultConfig(), Profile: profile.DefaultConfig(),
		OIDC: oidc.DefaultConfig(),
	}}
}

// Validate returns all that is wrong, each fault beginning with its key below `selfservice`.
func (s Selfservice) Validate() []error {
	faults := s.Config.Validate()
	for _, m := range []struct {
		name   string
		faults []error
	}{{"password", s.Methods.Password.Validate()}, {"code", s.Methods.Code.Validate()}, {"oidc", s.Methods.OIDC.Validate()}} {
		for _, err := range m.faults {
			faults = append(faults, fmt.Errorf("methods.%s.%w", m.name, err))
		}
	}
	enabled := map[string]bool{"code": s.Methods.Code.Enabled, "link": s.Methods.Link.Enabled}
	if f := s.Flows.Recovery; f.Enabled && !enabled[f.Use] {
		faults = append(faults, fmt.Errorf("flows.recovery.use: the method %s is not enabled (selfservice.methods.%[1]s.enabled), so nobody could recover an account", f.Use))
	}
	if f := s.Flows.Verification; f.Enabled && !enabled[f.Use] {
		faults = append(faults, fmt.Errorf("flows.verification.use: the method %s is not enabled (selfservice.methods.%[1]s.enabled), so nobody could verify an address", f.Use))
	}
	return faults
}
