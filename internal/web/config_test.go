package web

import (
	"errors"
	"strings"
	"testing"
)

func TestConfigValidate(t *testing.T) {
	good := DefaultConfig("127.0.0.1:4444", "http://127.0.0.1:4444/")
	if faults := good.Validate(); faults != nil {
		t.Errorf("the default is refused: %v", faults)
	}
	bad := Config{
		Address: "4444", BaseURL: "nowhere", TLS: TLS{CertFile: "x", TerminatedBy: Networks{"y"}},
		CORS: CORS{Enabled: true, AllowedOrigins: []string{"z"}}, TrustedProxies: Networks{"10.0.0.0/8", "w"}, MaxBody: -1,
		Timeouts: Timeouts{Read: -1, Idle: -1},
	}
	got := errors.Join(bad.Validate()...).Error()
	for _, want := range []string{"address: ", "base_url: ", "tls: cert_file and key_file", "tls.terminated_by[0]: ", "cors.allowed_origins[0]: ", "trusted_proxies[1]: ", "max_body: ", "timeouts.read: ", "timeouts.idle: "} {
		if !strings.Contains(got, want) {
			t.Errorf("no fault %q in\n%s", want, got)
		}
	}
	good.TLS.ClientCAFile = "ca.pem"
	if got := errors.Join(good.Validate()...); got == nil || !strings.Contains(got.Error(), "tls.client_ca_file") {
		t.Errorf("%v", got)
	}
	for address, ok := range map[string]bool{":4444": true, "[::1]:0": true, "unix:/run/x": true, "unix:x": false, "a:b": false, "a:70000": false, "": false} {
		if (checkAddress(address) == nil) != ok {
			t.Errorf("address %q", address)
		}
	}
}

func TestConfigLocal(t *testing.T) {
	for address, local := range map[string]bool{"127.0.0.1:1": true, "[::1]:1": true, "localhost:1": true, "unix:/x": true, ":1": false, "0.0.0.0:1": false, "a.test:1": false, "x": false} {
		if (Config{Address: address}).Local() != local {
			t.Errorf("%s local: %v", address, !local)
		}
	}
	c := DefaultConfig(":1", "https://a.test/x/")
	if o := c.Options(); o.BaseURL.Prefix() != "/x" || o.MaxBody != DefaultMaxBody {
		t.Errorf("%+v", o)
	}
}
