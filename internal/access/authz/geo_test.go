package authz_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/authz"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func country(code string) map[string]any {
	return map[string]any{"country": map[string]any{"iso_code": code}}
}

var built = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func cities(at time.Time) []byte {
	return testkit.GeoDatabase("GeoLite2-City", at, map[string]map[string]any{
		"192.0.2.0/24": country("DE"), "198.51.100.0/25": country("FR"), "2001:db8::/32": country("US"),
		"203.0.113.0/24": {"registered_country": map[string]any{"iso_code": "CH"}, "traits": map[string]any{"is_anonymous_proxy": true}},
	})
}

func anonymous(at time.Time) []byte {
	return testkit.GeoDatabase("GeoIP2-Anonymous-IP", at, map[string]map[string]any{"198.51.100.7/32": {"is_anonymous": true, "is_tor_exit_node": true}})
}

// staged is a Geo that reads files of a directory.
func staged(t *testing.T, clock *testkit.Clock, files map[string][]byte, change ...func(*authz.GeoConfig)) (*authz.Geo, string) {
	t.Helper()
	dir := t.TempDir()
	c := authz.DefaultGeoConfig()
	c.Source, c.Directory, c.Editions = "files", dir, nil
	for name, content := range files {
		c.Editions = append(c.Editions, name)
		write(t, filepath.Join(dir, name+".mmdb"), content)
	}
	slices.Sort(c.Editions)
	for _, f := range change {
		f(&c)
	}
	g := authz.NewGeo(authz.GeoOptions{Config: c, Dir: t.TempDir(), Now: clock.Now})
	t.Cleanup(g.Close)
	return g, dir
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestGeoIP(t *testing.T) {
	clock := new(testkit.Clock)
	g, _ := staged(t, clock, map[string][]byte{"GeoLite2-City": cities(built), "GeoIP2-Anonymous-IP": anonymous(built)})
	if err := g.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	o := options(clock)
	o.Geo = g
	const de, fr, us, ch, tor, private = "192.0.2.7", "198.51.100.8", "2001:db8::1", "203.0.113.7", "198.51.100.7", "10.1.2.3"
	for _, tc := range []struct {
		settings string
		pass     string // the addresses that may
	}{
		{`{"countries":{"allow":["DE","US"]}}`, de + " " + us},
		{`{"countries":{"deny":["DE"]}}`, fr + " " + us + " " + ch + " " + tor},
		{`{"countries":{"deny":["DE"]},"unknown":"allow"}`, fr + " " + us + " " + ch + " " + tor + " " + private},
		{`{"countries":{"allow":["DE","FR"],"deny":["DE"]}}`, fr + " " + tor},
		{`{"anonymous":"deny"}`, de + " " + fr + " " + us + " " + private},
		{`{"anonymous":"deny","countries":{"allow":["FR","CH"]}}`, fr},
		{`{"networks":{"allow":["10.0.0.0/8","192.0.2.7"]}}`, de + " " + private},
		{`{"networks":{"deny":["10.0.0.0/8","2001:db8::/32"]}}`, de + " " + fr + " " + ch + " " + tor},
		{`{"networks":{"allow":["10.0.0.0/8"],"deny":["10.1.0.0/16"]}}`, ""},
		{`{"networks":{"allow":["10.0.0.0/8"]},"countries":{"allow":["CH"]}}`, private + " " + ch},
	} {
		a := create(t, o, "geoip", tc.settings)
		for _, address := range []string{de, fr, us, ch, tor, private, "::ffff:" + de} {
			r := request("GET", "/")
			r.Client = netip.MustParseAddr(address)
			err := a.Authorize(t.Context(), r, &access.Principal{})
			want := slices.Contains(strings.Fields(tc.pass), strings.TrimPrefix(address, "::ffff:"))
			if (err == nil) != want || err != nil && !errors.Is(err, access.ErrForbidden) {
				t.Errorf("%s from %s: %v", tc.settings, address, err)
			}
		}
		nobody := request("GET", "/")
		nobody.Client = netip.Addr{}
		if err := a.Authorize(t.Context(), nobody, &access.Principal{}); !errors.Is(err, access.ErrForbidden) {
			t.Errorf("%s from nowhere: %v", tc.settings, err)
		}
	}
}

// The databases of cities and countries do not say which networks are anonymous: a rule that refuses those would refuse nobody.
func TestAnonymousNetworksNeedTheirDatabase(t *testing.T) {
	clock := new(testkit.Clock)
	o := options(clock)
	o.Geo, _ = staged(t, clock, map[string][]byte{"GeoLite2-City": cities(built)})
	settings, err := access.NewSettings(nil, []byte(`{"countries":{"allow":["DE"]},"anonymous":"deny"}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := authz.Kinds(o)["geoip"](settings); err == nil || !strings.Contains(err.Error(), "add GeoIP2-Anonymous-IP to access.geoip.editions") {
		t.Errorf("%v", err)
	}
}

// Nobody gets in by a database that is missing or too old.
func TestGeoFailsClosed(t *testing.T) {
	clock := new(testkit.Clock)
	g, _ := staged(t, clock, map[string][]byte{"GeoLite2-City": cities(built)}, func(c *authz.GeoConfig) { c.MaxAge = 7 * 24 * time.Hour })
	o := options(clock)
	o.Geo = g
	a := create(t, o, "geoip", `{"countries":{"deny":["US"]},"unknown":"allow"}`)
	ask := func() error { return a.Authorize(t.Context(), request("GET", "/"), &access.Principal{}) }
	if err := ask(); !errors.Is(err, access.ErrUnavailable) {
		t.Errorf("without a database: %v", err)
	}
	if err := g.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := ask(); err != nil {
		t.Errorf("with one: %v", err)
	}
	if s := g.Status()[0]; s.Built != built || s.Age(clock.Now()) != clock.Now().Sub(built) || s.Err != nil {
		t.Errorf("status %+v", s)
	}
	clock.Advance(7 * 24 * time.Hour)
	if err := ask(); !errors.Is(err, access.ErrUnavailable) {
		t.Errorf("with an old one: %v", err)
	}
}

// Staged files are read again when they change; broken ones change nothing, not even when they are written over in place.
func TestStagedFiles(t *testing.T) {
	clock := new(testkit.Clock)
	g, dir := staged(t, clock, map[string][]byte{"GeoLite2-City": cities(built)})
	path := filepath.Join(dir, "GeoLite2-City.mmdb")
	update := func(want bool) {
		t.Helper()
		if err := g.Update(t.Context()); (err == nil) != want {
			t.Errorf("update: %v", err)
		}
	}
	update(true)
	whole := cities(built.Add(time.Hour))
	for i, broken := range [][]byte{nil, []byte("no database"), whole[:len(whole)/2], anonymous(built), bytes.Repeat([]byte{0xff}, 1000)} {
		write(t, path, broken)
		if err := os.Chtimes(path, time.Time{}, built.Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatal(err)
		}
		update(false)
		if place, err := g.Lookup(netip.MustParseAddr("192.0.2.7")); err != nil || place.Country != "DE" {
			t.Fatalf("%d: %+v, %v", i, place, err)
		}
	}
	if s := g.Status()[0]; s.Failures != 5 || s.Err == nil || s.Built != built {
		t.Errorf("status %+v", s)
	}
	write(t, path, whole)
	update(true)
	if s := g.Status()[0]; s.Err != nil || s.Built != built.Add(time.Hour) {
		t.Errorf("status %+v", s)
	}
}

// mirror publishes archives.
type mirror struct {
	url   string
	mu    sync.Mutex
	files map[string][]byte
	saw   []string
	auth  string
}

func newMirror(t *testing.T) *mirror {
	m := &mirror{files: map[string][]byte{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		defer m.mu.Unlock()
		user, password, _ := r.BasicAuth()
		m.saw, m.auth = append(m.saw, r.URL.RequestURI()), user+":"+password
		content, ok := m.files[r.URL.RequestURI()]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		sum := sha256.Sum256(content)
		etag := `"` + hex.EncodeToString(sum[:4]) + `"`
		w.Header().Set("Etag", etag)
		if r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = w.Write(content)
	}))
	t.Cleanup(server.Close)
	m.url = server.URL
	return m
}

func (m *mirror) publish(path, digestPath string, archive []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	sum := sha256.Sum256(archive)
	m.files[path], m.files[digestPath] = archive, []byte(hex.EncodeToString(sum[:])+"  archive.tar.gz\n")
}

func (m *mirror) requests() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := len(m.saw)
	m.saw = nil
	return n
}

// packed is an archive as MaxMind publishes it.
func packed(t *testing.T, name string, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	files := tar.NewWriter(zipped)
	for _, f := range []struct {
		name    string
		content []byte
	}{{"GeoLite2-City_20260301/LICENSE.txt", []byte("licence")}, {name, content}} {
		if err := files.WriteHeader(&tar.Header{Name: f.name, Typeflag: tar.TypeReg, Size: int64(len(f.content)), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		if _, err := files.Write(f.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(files.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func (m *mirror) geo(t *testing.T, clock *testkit.Clock, dir string, change func(*authz.GeoConfig)) *authz.Geo {
	t.Helper()
	c := authz.DefaultGeoConfig()
	c.Mirror = m.url + "/latest/"
	change(&c)
	if faults := c.Validate(); len(faults) > 0 {
		t.Fatal(faults)
	}
	g := authz.NewGeo(authz.GeoOptions{Config: c, Dir: dir, Ask: fetch.NewAsker(fetch.Bounds{Private: true}), MaxMind: m.url, Now: clock.Now})
	t.Cleanup(g.Close)
	return g
}

const archivePath = "/latest/GeoLite2-City.tar.gz"

func TestMirror(t *testing.T) {
	m, clock, dir := newMirror(t), new(testkit.Clock), t.TempDir()
	g := m.geo(t, clock, dir, func(*authz.GeoConfig) {})
	inside := "GeoLite2-City_20260301/GeoLite2-City.mmdb"
	update := func(want string) {
		t.Helper()
		clock.Advance(24 * time.Hour)
		err := g.Update(t.Context())
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("update: %v, want %q", err, want)
		}
		left, _ := filepath.Glob(filepath.Join(dir, "*.*.*"))
		if len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
	}
	update("answered 404")
	m.publish(archivePath, archivePath+".sha256", packed(t, inside, cities(built)))
	update("")
	place, err := g.Lookup(netip.MustParseAddr("203.0.113.9"))
	if err != nil || place != (authz.Place{Country: "CH", Anonymous: true}) {
		t.Errorf("%+v, %v", place, err)
	}
	m.requests()
	update("") // the same: one question, no download
	if n := m.requests(); n != 1 {
		t.Errorf("%d requests for what has not changed", n)
	}
	// Everything that can be wrong with a new one leaves the last good one.
	m.publish(archivePath, "/elsewhere", packed(t, inside, cities(built.Add(time.Hour))))
	update("digest")
	m.publish(archivePath, archivePath+".sha256", packed(t, inside, cities(built.Add(-time.Hour))))
	update("older")
	m.publish(archivePath, archivePath+".sha256", packed(t, "GeoLite2-City.txt", cities(built)))
	update("has no GeoLite2-City.mmdb")
	m.publish(archivePath, archivePath+".sha256", packed(t, inside, []byte("broken")))
	update("opening database")
	m.publish(archivePath, archivePath+".sha256", []byte("no archive"))
	update("no gzip")
	if s := g.Status()[0]; s.Built != built || s.Failures != 6 || s.Err == nil {
		t.Errorf("status %+v", s)
	}
	if _, err := g.Lookup(netip.MustParseAddr("203.0.113.9")); err != nil {
		t.Error(err)
	}
	m.publish(archivePath, archivePath+".sha256", packed(t, inside, cities(built.Add(2*time.Hour))))
	update("")
	if s := g.Status()[0]; s.Built != built.Add(2*time.Hour) || s.Err != nil || s.Checked != clock.Now() {
		t.Errorf("status %+v", s)
	}
}

// The licence key goes to MaxMind and nowhere else.
func TestMaxMind(t *testing.T) {
	m, clock := newMirror(t), new(testkit.Clock)
	archive := packed(t, "GeoLite2-City.mmdb", cities(built))
	key := func(c *authz.GeoConfig) { c.Source, c.LicenseKey = "maxmind", secret.String("hush") }
	alone := m.geo(t, clock, t.TempDir(), key)
	if err := alone.Update(t.Context()); err == nil || strings.Contains(err.Error(), "hush") || strings.Contains(alone.Status()[0].Err.Error(), "hush") {
		t.Errorf("got %v", err)
	}
	m.publish("/app/geoip_download?edition_id=GeoLite2-City&license_key=hush&suffix=tar.gz",
		"/app/geoip_download?edition_id=GeoLite2-City&license_key=hush&suffix=tar.gz.sha256", archive)
	if err := alone.Update(t.Context()); err != nil {
		t.Error(err)
	}
	m.publish("/geoip/databases/GeoLite2-City/download?suffix=tar.gz", "/geoip/databases/GeoLite2-City/download?suffix=tar.gz.sha256", archive)
	account := m.geo(t, clock, t.TempDir(), func(c *authz.GeoConfig) {
		key(c)
		c.AccountID = "42"
	})
	if err := account.Update(t.Context()); err != nil || m.auth != "42:hush" {
		t.Errorf("%v, asked as %q", err, m.auth)
	}
}

// Nothing is downloaded before a rule asks, and nothing again after a restart.
func TestGeoRuns(t *testing.T) {
	m, clock, dir := newMirror(t), new(testkit.Clock), t.TempDir()
	clock.Set(time.Now()) // the age of the kept file is measured
	m.publish(archivePath, archivePath+".sha256", packed(t, "GeoLite2-City.mmdb", cities(built)))
	run := func() (*authz.Geo, access.Authorizer) {
		g := m.geo(t, clock, dir, func(*authz.GeoConfig) {})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { g.Run(ctx); close(done) }()
		t.Cleanup(func() { stop(); <-done })
		o := options(clock)
		o.Geo = g
		create(t, o, "geoip", `{"networks":{"allow":["192.0.2.0/24"]}}`)
		time.Sleep(20 * time.Millisecond)
		if len(g.Status()) != 1 || !g.Status()[0].Built.IsZero() {
			t.Error("a database is there although no rule asks for it")
		}
		return g, create(t, o, "geoip", `{"countries":{"allow":["DE"]}}`)
	}
	write(t, filepath.Join(dir, "GeoLite2-City.tar.gz.123"), []byte("left by a crash"))
	for range 2 {
		_, a := run()
		testkit.Eventually(t, "there is a database", func() bool {
			return a.Authorize(t.Context(), request("GET", "/"), &access.Principal{}) == nil
		})
	}
	if n := m.requests(); n != 2 {
		t.Errorf("%d requests, want two: an archive and its digest", n)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.*.*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestGeoConfig(t *testing.T) {
	for want, change := range map[string]func(*authz.GeoConfig){
		"":              func(*authz.GeoConfig) {},
		"source: ":      func(c *authz.GeoConfig) { c.Source = "x" },
		"mirror: ":      func(c *authz.GeoConfig) { c.Mirror = "ftp://x" },
		"license_key: ": func(c *authz.GeoConfig) { c.Source = "maxmind" },
		"directory: ":   func(c *authz.GeoConfig) { c.Source = "files" },
		"editions: ":    func(c *authz.GeoConfig) { c.Editions = nil },
		"editions[0]: ": func(c *authz.GeoConfig) { c.Editions = []string{"../x"} },
	} {
		c := authz.DefaultGeoConfig()
		change(&c)
		faults := c.Validate()
		if want == "" && len(faults) > 0 || want != "" && (len(faults) != 1 || !strings.HasPrefix(faults[0].Error(), want)) {
			t.Errorf("%q: %v", want, faults)
		}
	}
}
