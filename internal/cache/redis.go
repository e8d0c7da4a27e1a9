package cache

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"

	"github.com/redis/rueidis"

	"github.com/gatehouse-iam/gatehouse/internal/trust"
)

const (
	dialTimeout = time.Second
	// answerTimeout ends a connection on which nothing comes back.
	answerTimeout = 2 * time.Second
	connBuffer    = 32 << 10
	topologyEvery = 5 * time.Second
)

// redis is a connection to a server or a cluster.
type redis struct{ client rueidis.Client }

// redisOptions reads what the configuration names.
func redisOptions(c Config) (rueidis.ClientOption, error) {
	settings, err := c.Redis.TLS.settings()
	if err != nil {
		return rueidis.ClientOption{}, err
	}
	return rueidis.ClientOption{
		InitAddress: c.Redis.Addresses, Username: c.Redis.Username, Password: c.Redis.Password.Reveal(), SelectDB: c.Redis.Database,
		TLSConfig: settings, Dialer: net.Dialer{Timeout: dialTimeout}, ConnWriteTimeout: answerTimeout,
		ClientName: "gatehouse", ReadBufferEachConn: connBuffer, WriteBufferEachConn: connBuffer,
		// Who asks gives up before a second try would help, and what is remembered on this side is remembered by otter.
		DisableRetry: true, DisableCache: true,
		// A question that is given up leaves the others on its connection alone.
		AlwaysPipelining: true,
		ClusterOption:    rueidis.ClusterOption{ShardsRefreshInterval: topologyEvery},
	}, nil
}

// settings are nil where there is no TLS.
func (t RedisTLS) settings() (*tls.Config, error) {
	if !t.Enabled {
		return nil, nil
	}
	settings := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CAFile != "" {
		var err error
		if settings.RootCAs, err = trust.Only(t.CAFile); err != nil {
			return nil, fmt.Errorf("cache.redis.tls.ca_file: %w", err)
		}
	}
	if t.CertFile != "" {
		certificate, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("cache.redis.tls.cert_file: %w", err)
		}
		settings.Certificates = []tls.Certificate{certificate}
	}
	return settings, nil
}

func dial(o rueidis.ClientOption) (*redis, error) {
	client, err := rueidis.NewClient(o)
	if err != nil {
		return nil, err
	}
	return &redis{client}, nil
}

// get returns nil where there is nothing.
func (r *redis) get(ctx context.Context, key string) ([]byte, error) {
	value, err := r.client.Do(ctx, r.client.B().Get().Key(key).Build()).AsBytes()
	if rueidis.IsRedisNil(err) {
		return nil, nil
	}
	return value, err
}

func (r *redis) set(ctx context.Context, key, value string, ttl time.Duration) error {
	return r.client.Do(ctx, r.client.B().Set().Key(key).Value(value).PxMilliseconds(ttl.Milliseconds()).Build()).Error()
}
