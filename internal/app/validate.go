package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gatehouse-iam/gatehouse/internal/config"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// IdentityValidator returns a function that checks one identity, as the admin API takes it, against the schemas of the
// configuration, those of a tenant where it lists some for it. It needs no database and no server.
func IdentityValidator(ctx context.Context, cfg *config.Config, of string) (func(document []byte) error, error) {
	documents := fetch.New(fetch.Options{AllowPrivate: true, AllowHTTP: true})
	schemas, err := configuredSchemas(ctx, cfg, documents.Get)
	if err != nil {
		return nil, err
	}
	ctx = tenant.With(ctx, tenant.ID(of))
	return func(document []byte) error {
		var one struct {
			SchemaID string          `json:"schema_id"`
			Traits   json.RawMessage `json:"traits"`
		}
		if err := json.Unmarshal(document, &one); err != nil {
			return errors.New("it is not an identity: a JSON object with schema_id and traits")
		}
		schema, err := schemas.Get(ctx, one.SchemaID)
		if err != nil {
			return fmt.Errorf("schema_id %q is not one of the configuration's", one.SchemaID)
		}
		err = schema.Validate(one.Traits)
		if invalid, ok := errors.AsType[*ui.Invalid](err); ok {
			var all []error
			for _, t := range invalid.Texts {
				all = append(all, fmt.Errorf("%s: %s", t.Pointer, t.Text.Text))
			}
			return errors.Join(all...)
		}
		return err
	}, nil
}

// configuredSchemas reads the identity schemas of the configuration, those of its tenants too.
func configuredSchemas(ctx context.Context, cfg *config.Config, get func(context.Context, string) ([]byte, error)) (*identity.Schemas, error) {
	schemas, err := identity.NewSchemas(ctx, cfg.Identity, get)
	if err != nil {
		return nil, fmt.Errorf("identity.%w", err)
	}
	for i, t := range cfg.Tenants {
		own, ok := t.OwnSchemas()
		if !ok {
			continue
		}
		if err := schemas.Configure(ctx, t.ID, own, get); err != nil {
			return nil, fmt.Errorf("tenants[%d].identity.%w", i, err)
		}
	}
	return schemas, nil
}
