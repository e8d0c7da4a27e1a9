package config

import (
	"context"
	"fmt"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/transit"
)

// Unwrap has the Transit engine unwrap the secrets that are wrapped, and checks what comes out as if it had been written. It asks
// nobody where no secret is wrapped.
func (c *Config) Unwrap(ctx context.Context) error {
	var engine *transit.Engine
	for path, list := range map[string]*[]secret.String{"secrets.system": &c.Secrets.System, "secrets.cookie": &c.Secrets.Cookie} {
		plain := make([]secret.String, len(*list))
		for i, s := range *list {
			plain[i] = s
			if !transit.Wrapped(s) {
				continue
			}
			var err error
			if engine == nil {
				if engine, err = transit.New(c.Secrets.Transit); err != nil {
					return err
				}
			}
			if plain[i], err = engine.Unwrap(ctx, s); err != nil {
				return fmt.Errorf("%s[%d]: %w", path, i, err)
			}
		}
		*list = plain
	}
	if engine == nil {
		return nil
	}
	var faults Faults
	c.checkSecrets(&faults)
	if len(faults) > 0 {
		return faults
	}
	return nil
}
