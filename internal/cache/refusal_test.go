package cache_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/cache"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

const redisPassword = "zU3qPfW8rT5kLx2vNb7m"

// remote connects to a Redis as a server does until it is stopped, and says what it told of that.
func remote(t *testing.T, c cache.Config) (r *cache.Remote, told *testkit.Log, stop func()) {
	t.Helper()
	told = &testkit.Log{}
	r, err := cache.NewRemote(cache.RemoteOptions{Config: c, Ring: testkit.Ring(t), Log: told.Logger(), Observe: func(string, cache.Outcome) {}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() { _ = r.Run(ctx) })
	stop = func() { cancel(); running.Wait() }
	t.Cleanup(stop)
	return r, told, stop
}

// late tells whether a log says that something took too long, which a busy machine can bring about.
func late(told string) bool {
	return strings.Contains(told, "deadline exceeded") || strings.Contains(told, "i/o timeout")
}

// TestRefusalNamesTheSetting: over TLS and with a user of few rights it works; where it does not, the log says which setting is wrong,
// and no password.
func TestRefusalNamesTheSetting(t *testing.T) {
	redis := testkit.StartRedisTLS(t, "--tls-auth-clients", "optional",
		"--user", "gatehouse", "reset", "on", ">"+redisPassword, "~gatehouse:*", "+get", "+set", "+ping",
		"--user", "reader", "reset", "on", ">"+redisPassword, "~gatehouse:*", "+ping",
		"--user", "default", "off")
	strict := testkit.StartRedisTLS(t, "--tls-auth-clients", "yes")
	good := func(c *cache.Config) {
		c.Redis.Addresses = []string{"localhost:" + redis.TLSPort}
		c.Redis.Username, c.Redis.Password = "gatehouse", redisPassword
		c.Redis.TLS = cache.RedisTLS{Enabled: true, CAFile: redis.CA}
	}
	for name, test := range map[string]struct {
		change func(c *cache.Config)
		want   string // of the log; empty: it works
	}{
		"right": {func(*cache.Config) {}, ""},
		"the name is said": {func(c *cache.Config) {
			c.Redis.Addresses[0], c.Redis.TLS.ServerName = "127.0.0.1:"+redis.TLSPort, "localhost"
		}, ""},
		"with a client certificate":   {func(c *cache.Config) { c.Redis.TLS.CertFile, c.Redis.TLS.KeyFile = redis.Cert, redis.Key }, ""},
		"without TLS where it is not": {func(c *cache.Config) { c.Redis.Addresses[0], c.Redis.TLS = redis.Address, cache.RedisTLS{} }, ""},
		"another authority":           {func(c *cache.Config) { c.Redis.TLS.CAFile = redis.OtherCA }, "cache.redis.tls.ca_file: "},
		"those of the system":         {func(c *cache.Config) { c.Redis.TLS.CAFile = "" }, "cache.redis.tls.ca_file: "},
		"another name":                {func(c *cache.Config) { c.Redis.Addresses[0] = "127.0.0.1:" + redis.TLSPort }, "cache.redis.tls.server_name: "},
		"TLS to a port without":       {func(c *cache.Config) { c.Redis.Addresses[0] = redis.Address }, "cache.redis.tls.enabled: "},
		"no TLS to a port with":       {func(c *cache.Config) { c.Redis.TLS = cache.RedisTLS{} }, "cache.redis.tls.enabled: "},
		"a wrong password":            {func(c *cache.Config) { c.Redis.Password = "another" }, "cache.redis.password: "},
		"another user":                {func(c *cache.Config) { c.Redis.Username = "nobody" }, "cache.redis.password: "},
		"no password":                 {func(c *cache.Config) { c.Redis.Username, c.Redis.Password = "", "" }, "cache.redis.password: "},
		"a user who may not":          {func(c *cache.Config) { c.Redis.Username = "reader" }, "cache.redis.username: "},
		"another prefix":              {func(c *cache.Config) { c.Redis.Prefix = "other" }, "cache.redis.username: "},
		"no client certificate": {func(c *cache.Config) {
			c.Redis.Addresses[0], c.Redis.TLS.CAFile = "localhost:"+strict.TLSPort, strict.CA
		}, "cache.redis.tls.cert_file: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := config()
			good(&c)
			test.change(&c)
			var told *testkit.Log
			testkit.Eventually(t, "all was answered in time", func() bool {
				var r *cache.Remote
				var stop func()
				r, told, stop = remote(t, c)
				defer stop()
				if test.want == "" {
					testkit.Eventually(t, "the cache answers", r.Answers)
					return true
				}
				testkit.Eventually(t, "the log says why not", func() bool { return strings.Contains(told.String(), "level=WARN") })
				got := told.String()
				if strings.Contains(got, test.want) && !r.Answers() {
					return true
				}
				if !late(got) {
					t.Fatalf("the log lacks %q:\n%s", test.want, got)
				}
				return false // the log holds the first reason alone
			})
			if strings.Contains(told.String(), redisPassword) {
				t.Errorf("the password is in the log:\n%s", told)
			}
		})
	}
}
