package app

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"filippo.io/age"

	"github.com/gatehouse-iam/gatehouse/internal/backup"
	"github.com/gatehouse-iam/gatehouse/internal/config"
	"github.com/gatehouse-iam/gatehouse/internal/drill"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// drillFixture is a server with people, an application and two tenants, its backups, and a configuration to drill them with.
type drillFixture struct {
	*testing.T

	app      *App
	cfg      *config.Config
	settings string // of the backups
	identity []byte
	files    string // the directory of the backups
	scratch  string
	outside  *atomic.Int64 // connections to what the configuration says is outside

	mu    sync.Mutex
	notes []string
}

// outside is an address at which nobody answers, and that counts who comes.
func outside(t *testing.T) (address string, came *atomic.Int64) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	came = new(atomic.Int64)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			came.Add(1)
			_ = c.Close()
		}
	}()
	return l.Addr().String(), came
}

func newDrilledPlace(t *testing.T) *drillFixture {
	t.Helper()
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	p := &drillFixture{T: t, identity: []byte(key.String()), files: t.TempDir(), scratch: t.TempDir()}
	p.settings = fmt.Sprintf("hashing: {memory: 8192, time: 1}\nbackup: {recipients: [%s], destinations: [{name: near, directory: %q}]}\n", key.Recipient(), p.files)
	dir := t.TempDir()
	p.app = openApp(t, dir, p.settings)
	t.Cleanup(func() { closeApp(t, p.app) })
	c := newCaller(t, p.app)
	c.person("ann@example.com")
	manage(t, p.app).call(http.MethodPost, "/admin/tenants", `{"id":"below","path_prefix":"/t/down"}`, http.StatusCreated)
	manage(t, p.app).call(http.MethodPost, "/admin/tenants", `{"id":"asleep","hosts":["asleep.example.com"]}`, http.StatusCreated)
	manage(t, p.app).call(http.MethodPost, "/admin/tenants/asleep/suspend", `{"reason":"a test"}`, http.StatusOK)
	c.call(http.MethodPost, "/admin/rules", `{"id":"asks","match":{"url":"http://127.0.0.1/<.*>","methods":["GET"]},
		"authenticators":[{"handler":"anonymous"}],"authorizer":{"handler":"allow"},"mutators":[{"handler":"noop"}]}`, http.StatusCreated)
	p.register("bob@example.com") // who waits for a mail

	address, came := outside(t)
	p.outside = came
	p.cfg = p.load(dir, "http://"+address, address)
	return p
}

// register has somebody register, so that a mail is to be sent.
func (p *drillFixture) register(email string) {
	p.Helper()
	c := newCaller(p.T, p.app)
	flow := c.read(c.do(0, http.MethodGet, "/self-service/registration/api", "", ""), http.StatusOK)
	c.read(c.do(0, http.MethodPost, "/self-service/registration?flow="+text(p.T, flow, "id"), "application/json",
		`{"method":"password","traits":{"email":"`+email+`"},"password":"a long enough Passw0rd, with words"}`), http.StatusOK)
}

// load reads the configuration to drill with: everything in it that can be outside is.
func (p *drillFixture) load(dir, base, address string) *config.Config {
	p.Helper()
	hook := `{hooks: [{hook: web_hook, config: {url: "` + base + `/hook"}}]}`
	more := p.settings + `
databases: {dsn: "postgres://gatehouse:none@` + address + `/gatehouse?sslmode=disable"}
courier: {smtp: {connection_uri: "smtp://` + address + `/?disable_starttls=true", from_address: no-reply@example.com}}
activity: {exports: [{name: far, url: "` + base + `/activity"}]}
tracing: {endpoint: "` + base + `/v1/traces"}
cache: {redis: {addresses: ["` + address + `"]}}
access: {rules: {repositories: ["` + base + `/rules.yaml"]}}
selfservice:
  methods: {password: {config: {haveibeenpwned_host: "` + address + `", migrate_hook: {enabled: true, config: {url: "` + base + `/migrate"}}}}}
  flows:
    login: {before: ` + hook + `, after: {hooks: [{hook: require_verified_address}, {hook: web_hook, config: {url: "` + base + `/after"}}], failed: ` + hook + `}}
    registration: {before: ` + hook + `, after: ` + hook + `}
`
	file := filepath.Join(p.TempDir(), "drilled.yaml")
	text := fmt.Sprintf("profile: development\ndata_dir: %q\nserve:\n  public: {address: \"127.0.0.1:0\"}\n  admin: {address: \"127.0.0.1:0\"}\n  decisions: {enabled: true, address: \"127.0.0.1:0\"}\n", dir)
	if err := os.WriteFile(file, []byte(text+more), 0o600); err != nil {
		p.Fatal(err)
	}
	cfg, err := config.Load([]string{file}, nil)
	if err != nil {
		p.Fatal(err)
	}
	return cfg
}

// keep makes a backup.
func (p *drillFixture) keep() *backup.Created {
	p.Helper()
	made, err := p.app.features.schedule.Backups.Create(p.Context(), p.app.databases.read, backup.CreateOptions{})
	if err != nil {
		p.Fatal(err)
	}
	return made
}

// options are those of a drill in the scratch directory.
func (p *drillFixture) options() DrillOptions {
	return DrillOptions{
		Scratch: p.scratch, Tenants: 10, Record: true, Version: "test", Progress: func(string, int64, int64) {}, Done: func(DrillStep) {},
		Note: func(what string) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.notes = append(p.notes, what)
		},
	}
}

// clean makes sure that nothing is left of drills.
func (p *drillFixture) clean() {
	p.Helper()
	left, err := os.ReadDir(p.scratch)
	if err != nil || len(left) > 0 {
		p.Errorf("%v is left: %v", left, err)
	}
	if n := p.outside.Load(); n > 0 {
		p.Errorf("%d connections went outside", n)
	}
}

// steps are the names of what was done, with the tenant, and how it went where it was not good.
func steps(d *Drilled) (all []string) {
	for _, s := range d.Steps {
		name := strings.TrimSpace(s.Tenant + " " + s.Name)
		if s.Outcome != drill.OK {
			name += " " + string(s.Outcome)
		}
		all = append(all, name)
	}
	return all
}

// A drill tries everything, on each kind of scratch database, and neither leaves anything there nor reaches anybody outside.
func TestDrill(t *testing.T) {
	p := newDrilledPlace(t)
	full := p.keep()
	newCaller(t, p.app).person("cid@example.com")
	later := p.keep()
	if later.Kind != backup.Incremental {
		t.Fatalf("the second is a %s one: %s", later.Kind, later.Why)
	}
	whole := []string{"make scratch databases", "find the backup", "read and verify", "load", "compare and migrate", "start"}
	for _, of := range []string{"default", "below"} {
		whole = append(whole, of+" signing keys", of+" discovery", of+" opaque token", of+" signed token", of+" login")
	}
	try := func(t *testing.T, w BackupWanted, o DrillOptions, id string, files int) {
		t.Helper()
		own := *p.cfg // as every command reads it for itself
		done, err := DrillBackup(t.Context(), &own, w, p.identity, o)
		if err != nil {
			t.Errorf("%v\n%+v", err, done)
			return
		}
		if got := steps(done); !slices.Equal(got, whole) {
			t.Errorf("the steps are %q", got)
		}
		if done.Backup != id || done.Files != files || !done.OK || done.Restored <= 0 || done.Tenants != 2 || done.Content == 0 || !slices.Equal(done.Recorded, []string{"near"}) {
			t.Errorf("%+v", done)
		}
		for _, s := range done.Steps {
			if s.Name == "signed token" && !strings.Contains(s.Detail, "of the backup") || s.Name == "login" && s.Tenant == "default" && !strings.Contains(s.Detail, "of the backup") {
				t.Errorf("%+v", s)
			}
		}
	}
	testkit.EachDSN(t, func(t *testing.T, dsn string) {
		t.Helper()
		o := p.options()
		if !strings.HasPrefix(dsn, "sqlite") {
			o.Server = config.DSN(dsn)
		}
		try(t, BackupWanted{}, o, later.ID, 2)
	})
	p.clean()
	try(t, BackupWanted{Before: full.CreatedAt}, p.options(), full.ID, 1)
	p.clean()
	var all sync.WaitGroup
	for range 2 { // neither takes the other's for dead
		all.Go(func() { try(t, BackupWanted{ID: full.ID}, p.options(), full.ID, 1) })
	}
	all.Wait()
	p.clean()
	if len(p.notes) > 0 {
		t.Errorf("%q", p.notes)
	}
	few := p.options()
	few.Tenants = 1
	if done, err := DrillBackup(t.Context(), p.cfg, BackupWanted{}, p.identity, few); err != nil || done.Tenants != 2 || slices.Contains(steps(done), "below login") ||
		len(p.notes) != 1 || !strings.Contains(p.notes[0], "1 of 2 tenants") {
		t.Errorf("%+v %v %q", done, err, p.notes)
	}
	p.learns("ok")
}

// learns has the server look for drills, and show the last one.
func (p *drillFixture) learns(result string) {
	p.Helper()
	if n, err := p.app.features.drills().Once(p.Context()); err != nil || n == 0 {
		p.Fatalf("%d drills were noted: %v", n, err)
	}
	body, err := io.ReadAll(newCaller(p.T, p.app).do(1, http.MethodGet, "/admin/metrics/prometheus", "", "").Body)
	if err != nil || !regexp.MustCompile(`(?m)^gatehouse_backup_last_drill_timestamp_seconds\{result="`+result+`"\} [1-9]`).Match(body) {
		p.Errorf("the metrics do not say when it was: %v\n%s", err, regexp.MustCompile(`(?m)^gatehouse_backup.*$`).FindAll(body, -1))
	}
	found := bytes.Contains(ask(p.T, p.app, http.MethodGet, "/admin/harden", ""), []byte(`"fault"`))
	if found != (result == "failed") {
		p.Errorf("gatehouse harden is told of a failure: %v", found)
	}
}
