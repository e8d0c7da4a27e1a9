package app

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/apiclient"
	"github.com/gatehouse-iam/gatehouse/internal/backup"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
)

// A server makes the backup that is due, and says so in its metrics.
func TestScheduledBackup(t *testing.T) {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	a := newApp(t, fmt.Sprintf("backup: {schedule: \"* * * * *\", recipients: [%s], destinations: [{name: disk, directory: %q}]}\n", key.Recipient(), t.TempDir()))
	c := newCaller(t, a)
	if ran, err := a.features.schedule.Once(t.Context()); err != nil || !ran {
		t.Fatalf("%v %v", ran, err)
	}
	body, err := io.ReadAll(c.do(1, http.MethodGet, "/admin/metrics/prometheus", "", "").Body)
	if err != nil {
		t.Fatal(err)
	}
	metrics := string(body)
	if !regexp.MustCompile(`(?m)^gatehouse_backup_last_success_timestamp_seconds [1-9]`).MatchString(metrics) {
		t.Errorf("the metrics do not say when the backup was made:\n%s", metrics)
	}
}

// A server of which somebody else makes backups, as of one with embedded databases, tells of them as of its own.
func TestBackupFromOutsideIsTold(t *testing.T) {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "backups")
	a := newApp(t, fmt.Sprintf("backup: {recipients: [%s], destinations: [{name: disk, directory: %q}]}\n", key.Recipient(), dir))
	c := newCaller(t, a)
	front := httptest.NewServer(a.listeners[1].Handler)
	defer front.Close()
	o := BackupOptions{From: &apiclient.Server{URL: front.URL, HTTP: front.Client()}, Warn: func(what string) { t.Error(what) }}
	job := func() backup.Job {
		t.Helper()
		last, err := a.features.schedule.Store.Last(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return last
	}
	made, err := CreateBackup(t.Context(), a.cfg, o)
	if err != nil {
		t.Fatal(err)
	}
	if last := job(); last.SucceededAt.IsZero() || last.Bytes != made.Data.Size || last.Failures != 0 {
		t.Errorf("%+v", last)
	}
	if err := errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)); err != nil { // a file where the directory was
		t.Fatal(err)
	}
	if _, err := CreateBackup(t.Context(), a.cfg, o); err == nil {
		t.Fatal("a backup was made in a file")
	}
	if last := job(); last.Failures != 1 || !strings.Contains(last.Fault, "disk") {
		t.Errorf("%+v", last)
	}
	for action, with := range map[string]string{"backup.created": made.ID, "backup.failed": `"destination disk":"failed"`} {
		var told int
		err := a.databases.byName["management"].AllTenants().QueryRow(t.Context(),
			`SELECT COUNT(*) FROM management_activity_outbox WHERE document LIKE ? AND document LIKE ?`, `%"`+action+`"%`, "%"+with+"%").Scan(&told)
		if err != nil || told != 1 {
			t.Errorf("%d events of %s: %v", told, action, err)
		}
	}
	for _, wrong := range []string{`{}`, `{"id":"../x","kind":"full"}`, `{"id":"` + made.ID + `","kind":"odd"}`, `{"id":"` + made.ID + `","kind":"full","bytes":-1}`, `{"failed":{"a b":"x"}}`} {
		c.call(http.MethodPost, "/admin/data/backups", wrong, http.StatusBadRequest)
	}
	if last := job(); last.Failures != 1 {
		t.Errorf("%+v", last)
	}
}

// Decisions at the doors are kept where the configuration says so, and nowhere else; what a target had is gone in either case.
func TestDecisionsAreKeptWhereAskedFor(t *testing.T) {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	decide := func(a *App, id string) {
		t.Helper()
		_, err := a.databases.byName["flow"].AllTenants().Exec(t.Context(), `INSERT INTO flow_decision
			(tenant_id, id, decided_at, rule_id, subject, method, host, path, verdict, reason, duration_us, bytes)
			VALUES ('default', ?, ?, 'rule', 'ada', 'GET', 'app.example.com', '/', 'allow', '', 1, 2)`, id, now())
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, kept := range []bool{false, true} {
		config := seals("the secret of this test") + fmt.Sprintf("backup: {decisions: %v, recipients: [%s], destinations: [{name: disk, directory: %q}]}\n", kept, key.Recipient(), t.TempDir())
		old := openApp(t, t.TempDir(), config)
		decide(old, "decided before")
		closeApp(t, old)
		if _, err := CreateBackup(t.Context(), old.cfg, BackupOptions{}); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		other := openApp(t, dir, config)
		decide(other, "the target's own")
		closeApp(t, other)
		o := RestoreOptions{Replace: true, Progress: func(string, int64, int64) {}}
		if _, err := RestoreBackup(t.Context(), other.cfg, BackupWanted{}, []byte(key.String()), o); err != nil {
			t.Fatal(err)
		}
		fresh := openApp(t, dir, config)
		ids, err := sqldb.Texts(fresh.databases.byName["flow"].AllTenants().Query(t.Context(), `SELECT id FROM flow_decision`))
		want := map[bool]string{true: "[decided before]", false: "[]"}[kept]
		if err != nil || fmt.Sprint(ids) != want {
			t.Errorf("with decisions: %v the restored databases have %v, %v; want %s", kept, ids, err, want)
		}
		closeApp(t, fresh)
	}
}

// What is pruned by hand is told, with how much went from where, and a rehearsal is not.
func TestPruningIsTold(t *testing.T) {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := seals("the secret of this test") + fmt.Sprintf("backup: {keep: {last: 1, for: 0s}, recipients: [%s], destinations: [{name: disk, directory: %q}]}\n", key.Recipient(), t.TempDir())
	a := openApp(t, dir, config)
	closeApp(t, a)
	for range 3 {
		if _, err := CreateBackup(t.Context(), a.cfg, BackupOptions{Full: true}); err != nil {
			t.Fatal(err)
		}
	}
	for _, dry := range []bool{true, false} {
		done, err := PruneBackups(t.Context(), a.cfg, dry, func(what string) { t.Error(what) })
		if err != nil || len(done) != 2 {
			t.Fatalf("%v, %v", done, err)
		}
	}
	a = openApp(t, dir, config)
	defer closeApp(t, a)
	c := newCaller(t, a)
	var told []activity.Event
	for _, e := range logged(c, "") {
		if e.Action == activity.BackupPruned {
			told = append(told, e)
		}
	}
	if len(told) != 1 || told[0].Detail["removed"] != "2" || told[0].Detail["destination disk"] != "2" || told[0].Actor.Kind == "" {
		t.Errorf("%+v", told)
	}
}
