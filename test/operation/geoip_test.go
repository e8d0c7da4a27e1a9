package operation

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

// S3-30, S3-31, S3-33: a rule asks for countries, by a file that the operator has staged; its age and what was decided are in the metrics.
func TestCountries(t *testing.T) {
	address, staged := process.FreeAddress(t), t.TempDir()
	s := process.Configure(t, process.Options{})
	d := &doorway{Server: s, t: t, at: "http://" + address, rules: filepath.Join(s.Dir, "rules.yaml")}
	d.write(strings.Replace(openRule("here", "/here"), "handler: allow", "handler: geoip, config: {countries: {allow: [DE]}}", 1))
	built := time.Now().Add(-48 * time.Hour)
	database := testkit.GeoDatabase("GeoLite2-City", built, map[string]map[string]any{
		"192.0.2.0/24": {"country": map[string]any{"iso_code": "DE"}}, "198.51.100.0/24": {"country": map[string]any{"iso_code": "FR"}},
	})
	if err := os.WriteFile(filepath.Join(staged, "GeoLite2-City.mmdb"), database, 0o600); err != nil {
		t.Fatal(err)
	}
	s.Override(fmt.Sprintf("serve: {decisions: {enabled: true, address: %q}}\naccess: {geoip: {source: files, directory: %q}, rules: {repositories: [%q]}}\n",
		address, staged, "file://"+d.rules))
	s.Run()
	t.Cleanup(s.Stop)
	from := func(client string) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.at+"/decisions/here", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "app.example.com"
		req.Header.Set("X-Forwarded-For", client)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	d.Eventually(func() bool { return from("192.0.2.7") == http.StatusOK })
	for client, want := range map[string]int{"192.0.2.7": http.StatusOK, "198.51.100.7": http.StatusForbidden, "203.0.113.7": http.StatusForbidden} {
		if got := from(client); got != want {
			t.Errorf("%s: %d", client, got)
		}
	}
	age, err := strconv.ParseFloat(d.metric(`gatehouse_geoip_age_seconds{edition="GeoLite2-City"`), 64)
	if known := time.Since(built).Seconds(); err != nil || age < known-60 || age > known+60 {
		t.Errorf("the age is %v, and not %v: %v", age, known, err)
	}
	for line, want := range map[string]string{
		`gatehouse_geoip_failures_total{edition="GeoLite2-City"`: "0", `gatehouse_access_decisions_total{door="decisions",verdict="forbidden"`: "2",
	} {
		if got := d.metric(line); got != want {
			t.Errorf("%s: %s", line, got)
		}
	}
}
