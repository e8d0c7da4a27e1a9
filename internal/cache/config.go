package cache

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// Config is the `cache` part of the configuration: a cache that servers share. Without one each server remembers for itself,
// which is enough for most installations.
type Config struct {
	// Redis is a Redis server or a Redis Cluster, also Valkey. What lies there is sealed under the system secrets, and nothing is
	// lost with it: the databases alone are complete. It is used beside databases on PostgreSQL, MySQL or MariaDB, so that what one
	// server has read need not be read by each.
	Redis RedisConfig `yaml:"redis"`
	// TTL is how long a value stays there at most. Unit: duration. Default: 5m. Changes are heard of at once and need no short
	// TTL; what was read more than ten minutes ago is not believed anyway.
	TTL time.Duration `yaml:"ttl" default:"5m" min:"1s" max:"10m"`
	// Timeout is how long a request waits for an answer before the database is asked instead. Unit: duration. Default: 20ms.
	// After some answers that did not come in time, the cache is not asked at all until it answers again.
	Timeout time.Duration `yaml:"timeout" default:"20ms" min:"1ms" max:"1s"`
}

// RedisConfig says where Redis is.
type RedisConfig struct {
	// Addresses are host:port. Default: none, which is no shared cache. One address is a server or any node of a cluster; several
	// are nodes of one cluster, of which the others are found. Names are looked up again whenever a connection is made.
	Addresses []string `yaml:"addresses"`
	// Username is who signs in there, for servers with access control lists. Default: none.
	Username string `yaml:"username"`
	// Password is the password. Default: none. As every secret it can come from the file that GATEHOUSE_CACHE_REDIS_PASSWORD_FILE
	// names.
	Password secret.String `yaml:"password"`
	// Database is the number of the database on a single server. A cluster has number 0 alone. Default: 0.
	Database int `yaml:"database" default:"0" min:"0" max:"65535"`
	// Prefix stands before every key, so that several installations can use one server. Default: gatehouse.
	Prefix string `yaml:"prefix" default:"gatehouse"`
	// TLS protects the connections.
	TLS RedisTLS `yaml:"tls"`
}

// RedisTLS says how connections to Redis are protected.
type RedisTLS struct {
	// Enabled turns TLS on (version 1.2 or newer). Default: false. The server's certificate is verified always.
	Enabled bool `yaml:"enabled" default:"false"`
	// CAFile holds the authorities that sign the servers' certificates, in PEM form. Default: those of the system.
	CAFile string `yaml:"ca_file"`
	// CertFile is a client certificate in PEM form, for servers that ask for one. Default: none.
	CertFile string `yaml:"cert_file"`
	// KeyFile is its private key. Default: none.
	KeyFile string `yaml:"key_file"`
	// ServerName is the name that the certificates are for, where it is not the host of the address: nodes of a cluster are often
	// known by their addresses alone. Default: the host of the address.
	ServerName string `yaml:"server_name"`
}

// DefaultConfig is no shared cache.
func DefaultConfig() Config {
	return Config{TTL: 5 * time.Minute, Timeout: 20 * time.Millisecond, Redis: RedisConfig{Prefix: "gatehouse"}}
}

// Shared reports whether there is a cache that servers share.
func (c Config) Shared() bool { return len(c.Redis.Addresses) > 0 }

const maxPrefix = 64

// Validate returns all that is wrong, each fault beginning with its key below `cache`.
func (c Config) Validate() []error {
	var faults []error
	for _, err := range c.Redis.validate() {
		faults = append(faults, fmt.Errorf("redis.%w", err))
	}
	return faults
}

func (r RedisConfig) validate() []error {
	var faults []error
	for i, address := range r.Addresses {
		host, port, err := net.SplitHostPort(address)
		if n, wrong := strconv.Atoi(port); err != nil || host == "" || wrong != nil || n < 1 || n > 65535 {
			faults = append(faults, fmt.Errorf("addresses[%d]: must be host:port, without a scheme and without credentials", i))
		}
	}
	if r.Database != 0 && len(r.Addresses) > 1 {
		faults = append(faults, errors.New("database: several addresses are a cluster, which has database 0 alone"))
	}
	if r.Prefix == "" || len(r.Prefix) > maxPrefix || strings.ContainsAny(r.Prefix, "{} \t\r\n") {
		// What is between braces would decide alone on which node of a cluster a key lies.
		faults = append(faults, fmt.Errorf("prefix: must have 1 to %d characters, no spaces and no braces", maxPrefix))
	}
	if r.Username != "" && r.Password == "" {
		faults = append(faults, errors.New("username: needs a password beside it"))
	}
	return append(faults, r.TLS.validate()...)
}

func (t RedisTLS) validate() []error {
	var faults []error
	if (t.CertFile == "") != (t.KeyFile == "") {
		faults = append(faults, errors.New("tls.cert_file: and tls.key_file belong together: write both or none"))
	}
	if !t.Enabled && t != (RedisTLS{}) {
		faults = append(faults, errors.New("tls.enabled: is false, and the other keys of tls would do nothing: set it to true or take them out"))
	}
	return faults
}
