package cache_test

import (
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/cache"
)

func TestConfig(t *testing.T) {
	if faults := cache.DefaultConfig().Validate(); len(faults) > 0 || cache.DefaultConfig().Shared() {
		t.Errorf("the default: %v", faults)
	}
	for want, change := range map[string]func(*cache.Config){
		"redis.addresses[1]: ":  func(c *cache.Config) { c.Redis.Addresses = []string{"a:1", "redis://b:1"} },
		"redis.addresses[0]: ":  func(c *cache.Config) { c.Redis.Addresses = []string{"no-port"} },
		"redis.database: ":      func(c *cache.Config) { c.Redis.Addresses, c.Redis.Database = []string{"a:1", "b:1"}, 3 },
		"redis.prefix: ":        func(c *cache.Config) { c.Redis.Prefix = "{one}" },
		"redis.username: ":      func(c *cache.Config) { c.Redis.Username = "u" },
		"redis.tls.cert_file: ": func(c *cache.Config) { c.Redis.TLS = cache.RedisTLS{Enabled: true, CertFile: "x"} },
		"redis.tls.enabled: ":   func(c *cache.Config) { c.Redis.TLS = cache.RedisTLS{CAFile: "x"} },
	} {
		c := cache.DefaultConfig()
		change(&c)
		faults := c.Validate()
		if len(faults) != 1 || !strings.HasPrefix(faults[0].Error(), want) {
			t.Errorf("%s %v", want, faults)
		}
	}
	c := config("127.0.0.1:1")
	c.Redis.TLS = cache.RedisTLS{Enabled: true, CAFile: t.TempDir() + "/missing.pem"}
	if _, err := cache.NewRemote(cache.RemoteOptions{Config: c}); err == nil || !strings.Contains(err.Error(), "cache.redis.tls.ca_file") {
		t.Errorf("%v", err)
	}
}
