package app

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/config"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// sealedWords reads from the migrations which columns are {{sealed}}.
func sealedWords(t *testing.T) (columns []string) {
	t.Helper()
	files, err := filepath.Glob("../migrations/*/*.sql")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d migrations, %v", len(files), err)
	}
	statement := regexp.MustCompile(`^(?:CREATE|ALTER) TABLE (\w+)`)
	column := regexp.MustCompile(`(\w+) +\{\{sealed\}\}`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		table := ""
		for line := range strings.Lines(string(text)) {
			if m := statement.FindStringSubmatch(line); m != nil {
				table = m[1]
			}
			if m := column.FindStringSubmatch(line); m != nil {
				columns = append(columns, filepath.Base(filepath.Dir(file))+"."+table+"."+m[1])
			}
		}
	}
	slices.Sort(columns)
	return columns
}

func listed(a *App) (columns []string) {
	for _, c := range a.features.seals.Sealed() {
		columns = append(columns, c.String())
	}
	slices.Sort(columns)
	return columns
}

// What is not on the list would be lost when a secret goes.
func TestEverySealedColumnIsOnTheList(t *testing.T) {
	if diff := cmp.Diff(sealedWords(t), listed(newApp(t, ""))); diff != "" {
		t.Errorf("columns that migrations call {{sealed}}, and those that sealedColumns in seals.go gives:\n%s", diff)
	}
}

// sealedText is what secret.Ring.Seal makes, wherever it stands in a text.
var sealedText = regexp.MustCompile(`(?:^|[^A-Za-z0-9_.-])[A-Za-z0-9_-]{8}\.[A-Za-z0-9_-]{54,}(?:$|[^A-Za-z0-9_.-])`)

// holding finds the columns in which sealed text stands in practice.
func holding(t *testing.T, a *App) (columns []string) {
	t.Helper()
	err := a.databases.each(func(logical string, db *sqldb.DB) error {
		for _, c := range textColumns(t, db) {
			rows, err := db.AllTenants().Query(t.Context(), `SELECT `+c[1]+` FROM `+c[0]+` WHERE `+c[1]+` IS NOT NULL`)
			if err != nil {
				return err
			}
			for rows.Next() {
				var text string
				if err := rows.Scan(&text); err != nil {
					return err
				}
				if sealedText.MatchString(text) {
					columns = append(columns, logical+"."+c[0]+"."+c[1])
				}
			}
			if err := rows.Err(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(columns)
	return slices.Compact(columns)
}

func textColumns(t *testing.T, db *sqldb.DB) (columns [][2]string) {
	t.Helper()
	rows, err := db.AllTenants().Query(t.Context(), `SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' AND c.type = 'TEXT'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var c [2]string
		if err := rows.Scan(&c[0], &c[1]); err != nil {
			t.Fatal(err)
		}
		columns = append(columns, c)
	}
	if err := rows.Err(); err != nil || len(columns) < 5 {
		t.Fatalf("%d columns, %v", len(columns), err)
	}
	return columns
}

// What a rotation must not lose.
type possessions struct {
	access, refresh, session string
	client, clientSecret     string
	adminKey                 string
}

const (
	personsMail     = "ada@example.com"
	personsPassword = "quiet-harbour-lantern-47"
)

// fill has a server seal and authenticate something of every kind.
func fill(c *caller) (p possessions) {
	c.Helper()
	person := c.call(http.MethodPost, "/admin/identities", `{"schema_id":"default","traits":{"email":"`+personsMail+`"},
		"credentials":{"password":{"config":{"password":"`+personsPassword+`"}}}}`, http.StatusCreated)
	p.access, p.refresh = c.tokens(text(c.T, person, "id"))
	made := c.call(http.MethodPost, "/admin/clients", `{"grant_types":["client_credentials"],"token_endpoint_auth_method":"client_secret_post"}`, http.StatusCreated)
	p.client, p.clientSecret = text(c.T, made, "client_id"), text(c.T, made, "client_secret")
	rule := c.do(1, http.MethodPost, "/admin/rules", "application/json", `[{"id":"rule","match":{"url":"http://app.example.com/","methods":["GET"]},
		"authenticators":[{"handler":"anonymous"}],"authorizer":{"handler":"allow"},"mutators":[{"handler":"noop"}]}]`)
	if rule.StatusCode >= http.StatusBadRequest {
		c.Fatalf("the rule: HTTP %d", rule.StatusCode)
	}
	p.adminKey = text(c.T, c.call(http.MethodPost, "/admin/admin-keys", `{"name":"dashboards","role":"viewer"}`, http.StatusCreated), "key")
	p.session = c.login()
	flow := c.read(c.do(0, http.MethodGet, "/self-service/recovery/api", "", ""), http.StatusOK)
	c.read(c.do(0, http.MethodPost, "/self-service/recovery?flow="+url.QueryEscape(text(c.T, flow, "id")), "application/json",
		`{"method":"code","email":"`+personsMail+`"}`), http.StatusOK)
	return p
}

// login signs the person in by password, and gives the session's token.
func (c *caller) login() string {
	c.Helper()
	clear(c.cookies) // an app has none
	flow := c.read(c.do(0, http.MethodGet, "/self-service/login/api", "", ""), http.StatusOK)
	in := c.read(c.do(0, http.MethodPost, "/self-service/login?flow="+url.QueryEscape(text(c.T, flow, "id")), "application/json",
		`{"method":"password","identifier":"`+personsMail+`","password":"`+personsPassword+`"}`), http.StatusOK)
	return text(c.T, in, "session_token")
}

// holds checks that everything is as good as before.
func (p possessions) holds(c *caller) {
	c.Helper()
	if diff := cmp.Diff([]bool{true, true}, c.active(p.access, p.refresh)); diff != "" {
		c.Error("tokens:", diff)
	}
	if c.read(c.do(0, http.MethodDelete, "/self-service/logout/api", "application/json", `{"session_token":"`+p.session+`"}`), http.StatusNoContent); c.login() == "" {
		c.Error("nobody signs in")
	}
	c.form(0, "/oauth2/token", url.Values{"grant_type": {"client_credentials"}, "client_id": {p.client}, "client_secret": {p.clientSecret}})
	defer func(key string) { c.key = key }(c.key)
	c.key = p.adminKey
	c.call(http.MethodPost, "/admin/clients", "{}", http.StatusForbidden) // known, and a viewer's
}

// seals is the configuration with secrets.
func seals(system ...string) string {
	return fmt.Sprintf("secrets: {system: [%s], cookie: [a cookie secret of this test]}\n", strings.Join(system, ", "))
}

// Nothing of what a server has made is lost when its secret is replaced and taken away.
func TestASecretIsReplaced(t *testing.T) {
	const first, second = "the first secret of this test", "the second secret of this test"
	remote := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `[{"id":"remote","match":{"url":"http://remote.example.com/","methods":["GET"]},
			"authenticators":[{"handler":"anonymous"}],"authorizer":{"handler":"allow"},"mutators":[{"handler":"noop"}]}]`)
	}))
	t.Cleanup(remote.Close)
	dir := t.TempDir()
	a := openApp(t, dir, seals(first)+"access: {rules: {repositories: ["+remote.URL+"/rules.json]}}\n")
	a.features.doors.book.Start(t.Context()) // keeps a copy of what the remote source says
	c := newCaller(t, a)
	p := fill(c)
	move(t, a)
	closeApp(t, a)

	a = openApp(t, dir, seals(second, first))
	c = newCaller(t, a)
	status := c.call(http.MethodGet, "/admin/seal-keys/status", "", http.StatusOK)
	old := a.features.seals.System.KeyIDs()[1]
	refused := c.call(http.MethodPost, "/admin/seal-keys/"+old+"/retire", "", http.StatusConflict)
	if said := fmt.Sprint(refused); !strings.Contains(said, "identity_credential") || !strings.Contains(said, old) {
		t.Errorf("a key that is in use: %s", said)
	}
	if n, _ := status["stale"].(float64); n < 6 {
		t.Errorf("only %v values are to be sealed anew: %v", n, status)
	}
	done := c.call(http.MethodPost, "/admin/seal-keys/reseal", `{"limit":1000,"count":true}`, http.StatusOK)
	for done["done"] != true {
		done = c.call(http.MethodPost, "/admin/seal-keys/reseal", `{"limit":1000,"after":"`+text(t, done, "after")+`"}`, http.StatusOK)
	}
	if n := c.call(http.MethodGet, "/admin/seal-keys/status", "", http.StatusOK)["stale"]; n != 0.0 {
		t.Errorf("%v values are left", n)
	}
	c.call(http.MethodPost, "/admin/seal-keys/"+old+"/retire", "", http.StatusOK)
	move(t, a)
	if diff := cmp.Diff(listed(a), holding(t, a)); diff != "" {
		t.Errorf("columns on the list, and those that hold sealed text in practice:\n%s", diff)
	}
	closeApp(t, a)

	a = openApp(t, dir, seals(second))
	defer func() { closeApp(t, a) }()
	p.holds(newCaller(t, a))
}

// move has the activity log take over what waits, which makes its key.
func move(t *testing.T, a *App) {
	t.Helper()
	ctx, stop := context.WithCancel(tenant.With(t.Context(), tenant.Default))
	defer stop()
	if err := a.features.activity.relay.Move(ctx); err != nil {
		t.Fatal(err)
	}
}

// A server whose secrets are not the database's does not start, and says which one it lacks.
func TestAServerWithoutTheSecretDoesNotStart(t *testing.T) {
	const first, second = "the first secret of this test", "the second secret of this test"
	dir := t.TempDir()
	closeApp(t, openApp(t, dir, seals(first)))
	ring, err := secret.NewRing([]secret.String{first})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "other.yaml")
	if err := os.WriteFile(file, []byte(fmt.Sprintf("data_dir: %q\nlog: {level: error}\n%s", dir, seals(second))), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load([]string{file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = New(t.Context(), cfg, "test")
	if err == nil || !strings.Contains(err.Error(), ring.Making()) || strings.Contains(err.Error(), first) {
		t.Errorf("a server with another secret: %v", err)
	}
}
