package harden

import (
	"net/url"
	"slices"
	"strings"
)

// Registered is what of a client is looked at.
type Registered struct {
	Tenant, ID, Name string
	RedirectURIs     []string
	ResponseTypes    []string
	Origins          []string
}

// ClientFinding is what is wrong with a client.
type ClientFinding struct {
	// Kind is which of the checks of clients it is for.
	Kind string `json:"kind"`
	// Tenant and ID name the client.
	Tenant string `json:"tenant"`
	ID     string `json:"id"`
	// Detail says what is there.
	Detail string `json:"detail"`
}

// The kinds of findings about clients.
const (
	clientImplicit = "implicit"
	clientRedirect = "redirect"
	clientMany     = "many"
	clientOrigins  = "origins"
	clientTryout   = "tryout"
	clientDemo     = "demo"
)

// manyRedirects is more redirect URIs than anybody keeps an eye on.
const manyRedirects = 20

// InspectClient says what is wrong with a client.
func InspectClient(c Registered) []ClientFinding {
	var found []ClientFinding
	add := func(kind, detail string) {
		found = append(found, ClientFinding{Kind: kind, Tenant: c.Tenant, ID: c.ID, Detail: detail})
	}
	for _, r := range c.ResponseTypes {
		if words := strings.Fields(r); slices.Contains(words, "token") || slices.Contains(words, "id_token") {
			add(clientImplicit, "may use the response type "+r)
			break
		}
	}
	for _, u := range c.RedirectURIs {
		if plainURL(u) {
			add(clientRedirect, "has the redirect URI "+shown(u))
			break
		}
	}
	if len(c.RedirectURIs) > manyRedirects {
		add(clientMany, "has more than 20 redirect URIs")
	}
	for _, o := range c.Origins {
		if o == "*" || strings.Contains(o, "://*.") {
			add(clientOrigins, "lets pages of "+o+" call")
			break
		}
	}
	if why := tryout(c); why != "" {
		add(clientTryout, why)
	}
	if name := strings.ToLower(c.ID + " " + c.Name); slices.ContainsFunc(words(name), func(w string) bool { return w == "demo" || w == "demonstration" }) {
		add(clientDemo, "calls itself a demonstration")
	}
	return found
}

// tryoutIDs are the ids of clients in documents, ours and those of Hydra and of API explorers.
func tryoutIDs() []string {
	return []string{"my-app", "my-client", "auth-code-client", "facebook-photo-backup", "theleakybucket", "swagger", "swagger-ui", "example", "test-client", "playground"}
}

// tryout says why a client looks like one of a tutorial or API explorer.
func tryout(c Registered) string {
	if slices.Contains(tryoutIDs(), strings.ToLower(c.ID)) {
		return "has an id that stands in documents"
	}
	for _, u := range c.RedirectURIs {
		parsed, err := url.Parse(u)
		if err != nil {
			continue
		}
		if strings.HasSuffix(parsed.Path, "/oauth2-redirect.html") {
			return "leads back to Swagger UI"
		}
		switch strings.ToLower(parsed.Hostname()) {
		case "oauth.pstmn.io", "openidconnect.net", "oidcdebugger.com", "oauthdebugger.com", "jwt.io":
			return "leads back to " + parsed.Hostname()
		}
	}
	return ""
}

// clients is the verdict of a check of clients.
func (r *Running) clients(kind string) (v verdict) {
	v.unchecked = r.Uninspected
	for _, c := range r.Clients {
		if c.Kind == kind {
			v.at("client "+c.Tenant+"/"+c.ID, "%s", c.Detail)
		}
	}
	return v
}

func clientChecks() []Check {
	about := func(c Check, kind string) Check {
		c.Source = Server
		c.find = func(f *Facts) verdict { return f.Server.clients(kind) }
		return c
	}
	return []Check{
		about(Check{
			ID: "client-implicit", Severity: Medium, Title: "A client is registered for tokens through the browser's address",
			Why: "Such tokens are in histories, logs and Referer headers, and bound to nobody.", How: "Register it for the response type code alone; whether others are served at all says oauth.front_channel_tokens.default.",
			Settings: []string{"oauth.front_channel_tokens.default"}, Reference: bcp + " §2.1.2",
		}, clientImplicit),
		about(Check{
			ID: "client-redirect-plain-http", Severity: High, Title: "A client's redirect URI is in the clear",
			Why: "Whoever is on the way takes codes and tokens.", How: "Register https redirect URIs; plain http is for addresses of a person's own machine. `gatehouse clients update ID` changes them; no setting does.",
			Reference: "RFC 6749 §3.1.2.1, " + bcp + " §2.6",
		}, clientRedirect),
		about(Check{
			ID: "client-redirects-many", Severity: Low, Title: "A client has very many redirect URIs",
			Why: "Each is a place where codes may go; nobody keeps an eye on so many.", How: "Register a client for each application with `gatehouse clients create`; no setting bounds them.",
			Reference: bcp + " §4.1",
		}, clientMany),
		about(Check{
			ID: "client-cors-wide", Severity: Medium, Title: "Pages of many sites may call as a client's pages",
			Why: "One name that somebody else takes over is enough to read answers.", How: "List the origins one by one in the client's allowed_cors_origins; what holds for all clients says serve.public.cors.",
			Settings: []string{"serve.public.cors.allowed_origins"}, Reference: "CWE-942",
		}, clientOrigins),
	}
}
