package cluster

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
)

// redis is a cluster of three masters: redis-0.redis to redis-2.redis, Services of a namespace. It speaks TLS alone, and with those alone
// who have a certificate of its authority.
type redis struct{ *outside }

// redisPorts are those of the masters on the node.
var redisPorts = []int{6379, 6380, 6381}

func startRedis(t *testing.T) redis {
	t.Helper()
	hosts := []string{nodeAddress}
	var services strings.Builder
	for n, port := range redisPorts {
		name := fmt.Sprintf("redis-%d", n)
		hosts = append(hosts, name+".redis")
		services.WriteString(serviceOutside(name, 6379, port))
	}
	o, err := newOutside("redis", hosts...)
	if err != nil {
		t.Fatal(err)
	}
	r := redis{o}
	newSpace(t, "redis").apply(services.String())
	secure := []string{"--tls-cert-file", o.file("server.crt"), "--tls-key-file", o.file("server.key"), "--tls-ca-cert-file", o.file("authority.crt")}
	addresses := []string{}
	for _, port := range redisPorts {
		address := net.JoinHostPort(nodeAddress, fmt.Sprint(port))
		addresses = append(addresses, address)
		args := []string{"--bind", nodeAddress, "--port", "0", "--tls-port", fmt.Sprint(port), "--tls-cluster", "yes", "--cluster-enabled", "yes",
			"--cluster-config-file", fmt.Sprintf("nodes-%d.conf", port), "--protected-mode", "no", "--save", "", "--dir", o.directory, "--logfile", "log", "--daemonize", "yes"}
		if err := o.run("redis-server", append(args, secure...)...); err != nil {
			t.Fatal(err)
		}
		if err := until(context.Background(), "Redis at "+address, func() error { _, err := r.try(port, "PING"); return err }); err != nil {
			t.Fatal(err)
		}
	}
	r.must(t, redisPorts[0], append([]string{"--cluster", "create", "--cluster-yes"}, addresses...)...)
	return r
}

// must asks one of the masters.
func (r redis) must(t *testing.T, port int, args ...string) string {
	t.Helper()
	out, err := r.try(port, args...)
	if err != nil {
		t.Fatalf("redis-cli %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return out
}

func (r redis) try(port int, args ...string) (string, error) {
	connect := []string{"-e", "-h", nodeAddress, "-p", fmt.Sprint(port), "--tls", "--cert", r.file("server.crt"), "--key", r.file("server.key"), "--cacert", r.file("authority.crt")}
	out, err := exec.Command("redis-cli", append(connect, args...)...).CombinedOutput()
	return string(out), err
}

// serviceOutside is a Service that leads to a port of the node.
func serviceOutside(name string, port, target int) string {
	return fmt.Sprintf(`
apiVersion: v1
kind: Service
metadata: {name: %[1]s}
spec: {ports: [{port: %[2]d, targetPort: %[3]d}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: %[1]s, labels: {kubernetes.io/service-name: %[1]s}}
addressType: IPv4
ports: [{port: %[3]d}]
endpoints: [{addresses: [%[4]s]}]
---
`, name, port, target, nodeAddress)
}
