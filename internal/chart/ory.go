package chart

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// ownSecrets has a list of secrets, of which the first is in use.
func ownSecrets(key string) handle {
	return func(c *Conversion, at string, _ any) {
		c.need(ownSecret, key, "what "+at+" says, one secret a line, the one in use first")
		c.pinSecrets()
	}
}

// tryingOut says that this is for trying out.
func tryingOut(c *Conversion, at string, v any) {
	if c.when(at, v) {
		c.profile = "development"
	}
}

// givenSecret has the name of a Secret in which Ory's charts find address and secrets.
func givenSecret(c *Conversion, at string, v any) {
	name, ok := scalar(v)
	if !ok || name == "" {
		return
	}
	c.leave(at, "Gatehouse's Secrets have other keys: copy what secretsSystem and secretsCookie hold into the files system and cookie of gatehouse-secrets, and the password out of dsn into gatehouse-database; set database.mode, host and user")
	for _, key := range []string{"system", "cookie"} {
		c.need(ownSecret, key, fmt.Sprintf("what the Secret in %s has", at))
	}
	c.pinSecrets()
}

func oryTable(scaling string) table {
	return workloadTable("deployment.", scaling, "ingress.public.", "url").with(rows(`ingress.admin - the admin listener is not behind the Ingress: see ingress.admin
secret.nameOverride ! secret
secret.* - the chart has Jobs of its own, which need no settings
maester.enabled > controller.enabled truth
global.ory.oathkeeper.maester.mode - the controller sends rules to the server
hydra-maester,oathkeeper-maester ! controller`, map[string]handle{"secret": givenSecret, "controller": under(controllerTable)}))
}

// controllerTable are the settings of Ory's controllers.
func controllerTable() table {
	return rows(`enabledNamespaces > controller.watchNamespaces words
replicaCount > controller.replicas whole
deployment.resources > controller.resources object
singleNamespaceMode - name the namespaces: controller.watchNamespaces
* - the controller is one for all resources, and as the chart needs it`, nil)
}

func hydraTable() table {
	return oryTable("deployment.").with(rows(`hydra.config ! config
hydra.dev ! try
hydra.automigration.* - a Job brings the schema up to date before servers are replaced: see database.migrationJob and autoMigrate
hydra.command,hydra.customArgs,hydra.customMigrations - containers, variables and files of another program mean nothing to this one; see extraEnv, extraVolumes and extraVolumeMounts`,
		map[string]handle{"config": configuration(hydraConfig), "try": tryingOut}))
}

// hydraConfig says what Hydra's configuration is called here.
func hydraConfig() table {
	return rows(`dsn ! dsn
secrets.system ! system
secrets.cookie ! cookie
dev ! try
version =
urls.self.issuer > url text
urls.self.public ! public
urls.login >> oauth.urls.login
urls.consent >> oauth.urls.consent
urls.logout >> oauth.urls.logout
urls.error >> oauth.urls.error
urls.registration >> oauth.urls.registration
urls.post_logout_redirect >> oauth.urls.post_logout_redirect
strategies.access_token >> oauth.access_token_strategy
strategies.scope >> oauth.scope_strategy
strategies.jwt.scope_claim >> oauth.jwt.scope_claim
ttl.access_token >> oauth.lifespans.access_token
ttl.refresh_token >> oauth.lifespans.refresh_token
ttl.id_token >> oauth.lifespans.id_token
ttl.auth_code >> oauth.lifespans.authorization_code
ttl.login_consent_request >> oauth.lifespans.login_consent_request
ttl.authentication_session >> oauth.lifespans.authentication_session
oauth2.pkce.enforced >> oauth.pkce.required
oauth2.pkce.enforced_for_public_clients >> oauth.pkce.required_for_public_clients
oauth2.allowed_top_level_claims >> oauth.jwt.allowed_top_level_claims
oauth2.mirror_top_level_claims >> oauth.jwt.mirror_top_level_claims
oauth2.refresh_token_rotation.grace_period,oauth2.grant.refresh_token.rotation_grace_period >> oauth.refresh.grace_period
oauth2.client_credentials.default_grant_allowed_scope >> oauth.client_credentials.default_grant_allowed_scope
oidc.subject_identifiers.pairwise.salt >> oauth.pairwise.salt
oidc.subject_identifiers.supported_types ! pairwise
serve.tls.allow_termination_from,serve.public.tls.allow_termination_from > tlsTerminatedBy words
serve.admin.tls.allow_termination_from > admin.tlsTerminatedBy words
serve.cookies.* - the server gives its cookies the strictest attributes that work
sqa.* - the server reports nothing to anybody
tracing.provider,tracing.providers.* - set config.tracing.endpoint
serve.public.port,serve.public.host,serve.admin.port,serve.admin.host,urls.self.admin - addresses and ports of listeners are the chart's`,
		map[string]handle{
			"dsn":    func(c *Conversion, at string, v any) { c.address("oauth", "", at, v) },
			"system": ownSecrets("system"), "cookie": ownSecrets("cookie"), "try": tryingOut, "public": publicURL,
			"pairwise": func(c *Conversion, at string, v any) {
				if list, _ := v.([]any); slices.Contains(list, any("pairwise")) {
					c.set("config.oauth.pairwise.enabled", true, at)
				}
			},
		})
}

// publicURL has the address of the public listener where the issuer is another.
func publicURL(c *Conversion, at string, v any) {
	if issuer, other := c.get("url").(string); other && issuer != v {
		c.configure("oauth.issuer", c.from["url"], issuer)
		c.tree["url"] = v
		return
	}
	c.to("url", text, at, v)
}

func kratosTable() table {
	return oryTable("").with(rows(`kratos.config ! config
kratos.development ! try
kratos.identitySchemas ! schemas
kratos.emailTemplates ! templates
kratos.automigration.* - a Job brings the schema up to date before servers are replaced: see database.migrationJob and autoMigrate
courier,statefulSet - the courier runs in the server
kratos.customMigrations - containers, variables and files of another program mean nothing to this one; see extraEnv, extraVolumes and extraVolumeMounts`,
		map[string]handle{"config": configuration(kratosConfig), "try": tryingOut, "schemas": unnamedSchemas, "templates": templates}))
}

// kratosConfig says what Kratos's configuration is called here, where that differs.
func kratosConfig() table {
	return rows(`dsn ! dsn
secrets.default ! system
secrets.cookie ! cookie
secrets.cipher,ciphers.* - sensitive columns are always sealed, and keys made for that
serve.public.base_url > url text
serve.public.port,serve.public.host,serve.admin.port,serve.admin.host,serve.admin.base_url - addresses and ports of listeners are the chart's
version,sqa-opt-out =
dev ! try
courier.smtp.connection_uri ! mail
courier.smtp.from_address > smtp.fromAddress text
courier.smtp.from_name > smtp.fromName text
hashers.algorithm >> hashing.algorithm
hashers.bcrypt.cost >> hashing.bcrypt.cost
hashers.argon2.iterations >> hashing.time
hashers.argon2.parallelism >> hashing.parallelism
hashers.argon2.* - set config.hashing, in its units
cookies.domain >> session.cookie.domain
cookies.path >> session.cookie.path
cookies.same_site >> session.cookie.same_site
identity.schemas ! schemas
selfservice.methods.oidc.config.providers ! providers
sqa.* - the server reports nothing to anybody`,
		map[string]handle{
			"dsn":    func(c *Conversion, at string, v any) { c.address("management", "", at, v) },
			"system": ownSecrets("system"), "cookie": ownSecrets("cookie"), "try": tryingOut,
			"mail": func(c *Conversion, at string, _ any) {
				c.set("smtp.existingSecret", "gatehouse-smtp", at)
				c.need("gatehouse-smtp", "uri", "what "+at+" says")
			},
			"schemas":   func(c *Conversion, at string, v any) { c.configure("identity.schemas", at, c.inlined(at, v)) },
			"providers": providers,
		})
}

const schemaFiles = "kratos.identitySchemas"

// inlined puts schemas that stand in values, and would be files, into their addresses.
func (c *Conversion) inlined(at string, v any) any {
	list, _ := v.([]any)
	files, _ := lookup(c.input["kratos"], schemaFiles).(map[string]any)
	list = slices.Clone(list)
	for i, one := range list {
		m, _ := one.(map[string]any)
		address := textOf(m["url"])
		if !strings.HasPrefix(address, "file://") {
			continue
		}
		if content := textOf(files[path.Base(address)]); content != "" && !strings.Contains(content, "{{") {
			list[i] = maps.Clone(m)
			list[i].(map[string]any)["url"] = inline(content)
			continue
		}
		c.decide = append(c.decide, fmt.Sprintf("%s[%d].url: it names a file that stands in no file that was read: mount that by extraVolumes, or write base64:// and its content.", at, i))
	}
	return list
}

// unnamedSchemas has files of schemas, which are used where the configuration names them.
func unnamedSchemas(c *Conversion, at string, v any) {
	files, _ := v.(map[string]any)
	list, _ := lookup(c.input["kratos"], "kratos.config.identity.schemas").([]any)
	for name := range files {
		if !slices.ContainsFunc(list, func(one any) bool {
			m, _ := one.(map[string]any)
			return path.Base(textOf(m["url"])) == name
		}) {
			c.leave(at+"."+name, "identity.schemas of the configuration names no such file")
		}
	}
}

// templates has the texts of mails.
func templates(c *Conversion, at string, v any) {
	parts := map[string]string{"subject": "subject", "body": "body.html", "plainBody": "body.plaintext"}
	all, _ := v.(map[string]any)
	for name, of := range all {
		kinds, _ := of.(map[string]any)
		for kind, texts := range kinds {
			mail, _ := texts.(map[string]any)
			for part, content := range mail {
				where, into := join(join(join(at, name), kind), part), "courier.templates."+name+"."+kind+".email."+parts[part]
				if parts[part] == "" || c.schema.at(into) == nil {
					c.leave(where, "Gatehouse has no such setting")
					continue
				}
				c.configure(into, where, inline(textOf(content)))
			}
		}
	}
}
