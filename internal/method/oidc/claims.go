package oidc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// mapping is what becomes of claims.
type mapping struct {
	Traits         json.RawMessage `json:"traits"`
	MetadataPublic json.RawMessage `json:"metadata_public"`
	MetadataAdmin  json.RawMessage `json:"metadata_admin"`
	Verified       []address       `json:"verified_addresses"`
}

type address struct {
	Via   string `json:"via"`
	Value string `json:"value"`
}

// mapped makes traits of claims: by the provider's program, or by their names.
func (m *Method) mapped(ctx context.Context, p *provider, s *identity.Schema, raw json.RawMessage) (*mapping, error) {
	claims, err := object(raw)
	if err != nil {
		return nil, err
	}
	claims["email_verified"] = claims["email_verified"] == true || claims["email_verified"] == "true" // some write it as text
	if p.mapper == "" {
		return byName(s, claims)
	}
	claims["raw_claims"] = raw
	given, err := json.Marshal(claims)
	if err != nil {
		return nil, err
	}
	out, err := m.jsonnet(ctx, "mapper_url", p.mapper, map[string]string{"claims": string(given)})
	if err != nil {
		return nil, fmt.Errorf("mapper_url: %w", err)
	}
	var made struct {
		Identity *mapping `json:"identity"`
	}
	if err := json.Unmarshal([]byte(out), &made); err != nil || made.Identity == nil {
		return nil, errors.New("mapper_url: the program must make an object with the member identity: {identity: {traits: {…}}}")
	}
	if len(made.Identity.Traits) == 0 {
		made.Identity.Traits = json.RawMessage("{}")
	}
	return made.Identity, nil
}

// names are claims of OpenID Connect Core §5.1 for traits that people call otherwise.
var names = map[string]string{
	"name.first": "given_name", "name.last": "family_name", "first_name": "given_name", "last_name": "family_name",
	"username": "preferred_username", "phone": "phone_number",
}

// byName gives each trait of a form the claim of its name.
func byName(s *identity.Schema, claims map[string]any) (*mapping, error) {
	traits := map[string]any{}
	for _, f := range s.Fields() {
		name := strings.TrimPrefix(f.Name, "traits.")
		claim := name
		if other, ok := names[name]; ok {
			claim = other
		}
		if f.Kind == ui.KindEmail {
			claim = "email"
		}
		if text, ok := claims[claim].(string); ok && text != "" {
			f.SetValue(traits, text)
		}
	}
	raw, err := json.Marshal(traits)
	if err != nil {
		return nil, err
	}
	made := &mapping{Traits: raw}
	if email, ok := claims["email"].(string); ok && claims["email_verified"] == true {
		made.Verified = []address{{Via: identity.ViaEmail, Value: email}}
	}
	return made, nil
}

// merged are the traits of somebody who has typed some and brings others along. What the provider says stands, but for fields that
// a person fills in: there it is only a proposal.
func merged(s *identity.Schema, typed, brought json.RawMessage) (json.RawMessage, error) {
	if len(typed) == 0 {
		return brought, nil
	}
	raw, err := jsonpatch.MergePatch(typed, brought)
	if err != nil {
		return nil, err
	}
	all, err := object(raw)
	if err != nil {
		return nil, err
	}
	own, err := object(typed)
	if err != nil {
		return nil, err
	}
	for _, f := range s.Fields() {
		if value, ok := f.Value(own); ok && !f.Disabled && value != "" {
			f.SetValue(all, value)
		}
	}
	return json.Marshal(all)
}

// object reads a JSON object; numbers stay as they were written.
func object(raw json.RawMessage) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var o map[string]any
	if err := d.Decode(&o); err != nil {
		return nil, err
	}
	if o == nil {
		o = map[string]any{}
	}
	return o, nil
}
