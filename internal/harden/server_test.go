package harden

import (
	"slices"
	"testing"
	"time"
)

var today = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

// finds gives the paths at which a check finds something.
func finds(id string, f *Facts) (paths []string) {
	for _, found := range Judge(today, []string{id}, f).Findings {
		paths = append(paths, found.Path)
	}
	return paths
}

// healthy is what a server tells of which nothing can be said.
func healthy() *Facts {
	return &Facts{Profile: "production", Read: today, Server: &Running{
		Replicas: 2, Connections: []Connection{{Name: "oauth", Path: "databases.dsn", Cipher: "TLS_AES_128_GCM_SHA256"}},
		Countries: []Countries{{Edition: "GeoLite2-City", Built: today.AddDate(0, 0, -29)}, {Edition: "GeoLite2-Country"}},
		Backups:   []BackupsAt{{Destination: "near", Newest: today.Add(-25 * time.Hour)}},
		Drills:    Drills{Succeeded: today.AddDate(0, 0, -34), Failed: today.AddDate(0, 0, -36), Fault: "login"},
		Clients: InspectClient(Registered{
			Tenant: "default", ID: "shop", Name: "Democratic shop", ResponseTypes: []string{"code"}, Origins: []string{"https://shop.example.com"},
			RedirectURIs: []string{"https://shop.example.com/cb", "http://127.0.0.1/cb", "http://localhost:8080/cb", "com.example.shop:/cb"},
		}),
	}}
}

func TestChecksOfServers(t *testing.T) {
	client := func(c Registered) func(*Running) {
		c.Tenant, c.ID = "default", max(c.ID, "shop")
		return func(r *Running) { r.Clients = InspectClient(c) }
	}
	unsafe := map[string]struct {
		change func(r *Running)
		path   string
	}{
		"replica-single":             {func(r *Running) { r.Replicas = 1 }, "replicas"},
		"connection-in-the-clear":    {func(r *Running) { r.Connections[0].Cipher = "" }, "databases.dsn"},
		"seal-keys-several":          {func(r *Running) { r.Sealing = []string{"k1"} }, "secrets.system"},
		"seal-key-waiting":           {func(r *Running) { r.Waiting = "server-2" }, "secrets.system"},
		"geoip-stale":                {func(r *Running) { r.Countries[0].Built = today.AddDate(0, 0, -31) }, "access.geoip"},
		"admin-key-endless":          {func(r *Running) { r.EndlessKeys = []string{"k1"} }, "admin key k1"},
		"backup-old":                 {func(r *Running) { r.Backups[0].Newest = today.Add(-27 * time.Hour) }, "destination near"},
		"backup-drill":               {func(r *Running) { r.Drills.Succeeded = today.AddDate(0, 0, -36) }, "drill"},
		"tenant-default":             {func(r *Running) { r.AnyHost = "default" }, "tenant default"},
		"client-implicit":            {client(Registered{ResponseTypes: []string{"code", "code id_token"}}), "client default/shop"},
		"client-redirect-plain-http": {client(Registered{RedirectURIs: []string{"https://a.example.com", "http://shop.example.com/cb?x=1"}}), "client default/shop"},
		"client-redirects-many":      {client(Registered{RedirectURIs: make([]string, 21)}), "client default/shop"},
		"client-cors-wide":           {client(Registered{Origins: []string{"https://*.example.com"}}), "client default/shop"},
		"clients-tryout":             {client(Registered{RedirectURIs: []string{"https://oidcdebugger.com/debug"}}), "client default/shop"},
		"application-demo":           {client(Registered{Name: "OIDC Demo App"}), "client default/shop"},
	}
	for _, c := range Checks() {
		if c.Source != Server {
			continue
		}
		tc, there := unsafe[c.ID]
		if !there {
			t.Errorf("%s: nothing is written here that it finds", c.ID)
			continue
		}
		if got := finds(c.ID, healthy()); got != nil {
			t.Errorf("%s finds in a healthy server %v", c.ID, got)
		}
		f := healthy()
		tc.change(f.Server)
		if got := finds(c.ID, f); !slices.Equal(got, []string{tc.path}) {
			t.Errorf("%s finds %v, want %s", c.ID, got, tc.path)
		}
		f.Server = nil
		if r := Judge(today, []string{c.ID}, f); len(r.Findings) != 0 || len(r.Unchecked) != 1 {
			t.Errorf("%s without a server: %+v", c.ID, r)
		}
	}
}

func TestWhatAServerCannotTell(t *testing.T) {
	f := healthy()
	f.Server.Uninspected = "there are too many"
	f.Server.Connections[0] = Connection{Name: "oauth", Path: "databases.dsn", Unknown: "it does not say"}
	f.Server.Backups[0] = BackupsAt{Destination: "near", Unread: "it does not answer"}
	f.Server.Drills.Unread = "the database does not answer"
	for _, id := range []string{"backup-old", "backup-drill", "clients-tryout", "connection-in-the-clear"} {
		if r := Judge(today, []string{id}, f); len(r.Findings) != 0 || len(r.Unchecked) != 1 {
			t.Errorf("%s: %+v", id, r)
		}
	}
}

// A drill that was never done, or that failed after the last good one, is found; without backups there is nothing to try.
func TestDrills(t *testing.T) {
	for name, c := range map[string]struct {
		drills Drills
		want   string
	}{
		"never":             {Drills{}, "was never done"},
		"never a good one":  {Drills{Failed: today.AddDate(0, 0, -1), Fault: "load"}, `failed at 2026-11-22T00:00:00Z in the step "load"`},
		"the last one":      {Drills{Succeeded: today.AddDate(0, 0, -2), Failed: today.AddDate(0, 0, -1), Fault: "load"}, `failed at 2026-11-22T00:00:00Z in the step "load"`},
		"good, after a bad": {Drills{Succeeded: today.AddDate(0, 0, -1), Failed: today.AddDate(0, 0, -2), Fault: "load"}, ""},
	} {
		f := healthy()
		f.Server.Drills = c.drills
		got := ""
		for _, found := range Judge(today, []string{"backup-drill"}, f).Findings {
			got += found.Detail
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		f.Server.Backups = nil
		if found := finds("backup-drill", f); found != nil {
			t.Errorf("%s, without backups: %v", name, found)
		}
	}
}

func TestNewestBackups(t *testing.T) {
	r := Running{Backups: []BackupsAt{{Destination: "near"}, {Destination: "far"}, {Destination: "never"}}}
	r.Note([]string{"near", "far"}, today.Add(-2*time.Hour))
	r.Note([]string{"near", "elsewhere"}, today.Add(-time.Hour))
	r.Note([]string{"near"}, today.Add(-3*time.Hour))
	if r.Backups[0].Newest != today.Add(-time.Hour) || r.Backups[1].Newest != today.Add(-2*time.Hour) || !r.Backups[2].Newest.IsZero() {
		t.Errorf("%+v", r.Backups)
	}
}
