package app

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"testing"

	"filippo.io/age"
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
