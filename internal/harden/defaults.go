package harden

// defaultChecks are about what other servers make or switch on by flags for trying out: --dev, --swagger, --demo,
// --create-default-tenant and --create-default-workspaces. Gatehouse has no such flag; each check looks at what comes nearest.
func defaultChecks() []Check {
	return []Check{
		{
			ID: "templates-live", Severity: Low, Title: "Templates of mails or pages are read again while the server runs",
			Why:      "Who may write the directory changes what people read and where links lead, without a restart that somebody would notice. It is what others call --dev; Gatehouse has no such flag, and reloads no code.",
			How:      "Let nobody but the operator write courier.template_override_path and account.override_path, as in a read-only mount, and accept this; or use courier.templates with file:// in an image.",
			Settings: []string{"courier.template_override_path", "account.override_path"}, Reference: "CIS Controls 4.1",
			find: func(f *Facts) (v verdict) {
				for _, key := range []string{"courier.template_override_path", "account.override_path"} {
					if dir := f.text(key); dir != "" {
						v.at(key, "is %s", dir)
					}
				}
				return v
			},
		},
		{
			ID: "clients-tryout", Severity: High, Source: Server, Title: "A client of a tutorial or of an API explorer is registered",
			Why:       "Its id, and often its secret, stand in documents. It is what others make by --swagger; Gatehouse makes no client by itself.",
			How:       "Delete it with `gatehouse clients delete ID`. No setting makes one.",
			Reference: "CWE-1392",
			find:      func(f *Facts) (v verdict) { return f.Server.clients("tryout") },
		},
		{
			ID: "application-demo", Severity: High, Source: Server, Title: "An application of a demonstration is registered",
			Why:       "Its sources are public, and nobody keeps it up to date. It is what others bring along by --demo; Gatehouse has no demonstration application, so whoever made this client can delete it.",
			How:       "Delete it with `gatehouse clients delete ID`. No setting makes one.",
			Reference: "NIST SP 800-123 §4.2.1",
			find:      func(f *Facts) (v verdict) { return f.Server.clients("demo") },
		},
		{
			ID: "tenant-default", Severity: Low, Source: Server, Title: "A tenant answers for every host name",
			Why:      "Any name that leads here is served, one that somebody else chose too. It is what others make by --create-default-tenant.",
			How:      "Name the tenants and their hosts in tenants, or give this one hosts by `gatehouse tenants update default --host login.example.com`; then other hosts are answered 404.",
			Settings: []string{"tenants[].id", "tenants[].hosts"}, Reference: "OWASP ASVS 14.5.1",
			find: func(f *Facts) (v verdict) {
				if id := f.Server.AnyHost; id != "" {
					v.at("tenant "+id, "has no hosts of its own")
				}
				return v
			},
		},
		{
			ID: "schema-default", Severity: Info, Title: "People are described by the built-in schema",
			Why:      "It asks for what it asks for and not for what you need. Workspaces, which others make by --create-default-workspaces, do not exist in Gatehouse; a built-in schema is the nearest that is there without being configured.",
			How:      "Write your own in identity.schemas, and name it in identity.default_schema_id.",
			Settings: []string{"identity.schemas[].id"}, Reference: "NIST SP 800-123 §4.2.1",
			find: func(f *Facts) (v verdict) {
				if len(f.like("identity.schemas[].id")) == 0 {
					v.at("identity.schemas", "is empty")
				}
				return v
			},
		},
	}
}
