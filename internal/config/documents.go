package config

import (
	"fmt"

	"github.com/gatehouse-iam/gatehouse/internal/hook"
)

// CheckDocuments reads what the configuration names by file:// and base64:// (schemas, programs, templates, keys) and returns
// Faults about what would not work. It reads nothing from URLs: what is wrong there shows when the server runs.
func (c *Config) CheckDocuments() error {
	var faults Faults
	jsonnet := hook.NewJsonnet(hook.Limits{})
	compile := func(program string) error {
		_, err := jsonnet.Compile("program", program)
		return err
	}
	c.section(&faults, "identity", c.Identity.CheckSchemas())
	c.section(&faults, "tenants", c.Tenants.checkSchemas())
	c.section(&faults, "session", c.Session.CheckDocuments(compile))
	own := c.SelfService.CheckPrograms(jsonnet)
	for _, err := range c.SelfService.Methods.Password.CheckPrograms(jsonnet) {
		own = append(own, fmt.Errorf("methods.password.%w", err))
	}
	c.section(&faults, "selfservice", own)
	c.section(&faults, "courier", c.Courier.CheckTemplates(compile))
	if len(faults) > 0 {
		return faults
	}
	return nil
}
