package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gatehouse-iam/gatehouse/internal/config"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// IdentityValidator returns a function that checks one identity, as the admin API takes it, against the schemas of the
// configuration. It needs no database and no server.
func IdentityValidator(ctx context.Context, cfg *config.Config) (func(document []byte) error, error) {
	documents := fetch.New(fetch.Options{AllowPrivate: true, AllowHTTP: true})
	schemas, err := identity.NewSchemas(ctx, cfg.Identity, documents.Get)
	if err != nil {
		return nil, fmt.Errorf("identity.%w", err)
	}
	return func(document []byte) error {
		var one struct {
			SchemaID string          `json:"schema_id"`
			Traits   json.RawMessage `json:"traits"`
		}
		if err := json.Unmarshal(document, &one); err != nil {
			return errors.New("it is not an identity: a JSON object with schema_id and traits")
		}
		schema, err := schemas.Get(one.SchemaID)
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
