package kube

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	hydra "github.com/gatehouse-iam/gatehouse/api/hydra/v1alpha1"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

// field is one of a resource's spec: what it is called on the server, and a value that no other field has.
type field struct {
	server string
	value  any
}

// ownFields are for the controller alone; other tests are about them.
var ownFields = []string{"secretName", "requireExistingSecret", "secretRotation", "tenant", "hydraAdmin", "deletionPolicy"}

var clientFields = map[string]field{
	"clientName":    {"client_name", "Every field"},
	"grantTypes":    {"grant_types", []any{"client_credentials", "authorization_code", "implicit", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code", "urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:ietf:params:oauth:grant-type:token-exchange"}},
	"responseTypes": {"response_types", []any{"code", "id_token"}},
	"redirectUris":  {"redirect_uris", []any{"https://a.example.com/callback", "https://a.example.com/other"}}, "postLogoutRedirectUris": {"post_logout_redirect_uris", []any{"https://a.example.com/bye"}},
	"requestUris": {"request_uris", []any{"https://a.example.com/request"}}, "allowedCorsOrigins": {"allowed_cors_origins", []any{"https://pages.example.com"}},
	"audience": {"audience", []any{"orders", "invoices"}}, "scope": {"scope", "openid offline read"},
	"skipConsent": {"skip_consent", true}, "skipLogoutConsent": {"skip_logout_consent", true},
	"tokenEndpointAuthMethod": {"token_endpoint_auth_method", "client_secret_post"}, "tokenEndpointAuthSigningAlg": {"token_endpoint_auth_signing_alg", "ES256"},
	"metadata": {"metadata", map[string]any{"team": "shop"}}, "jwksUri": {"jwks_uri", "https://a.example.com/jwks.json"},
	"frontChannelLogoutURI": {"frontchannel_logout_uri", "https://a.example.com/front"}, "frontChannelLogoutSessionRequired": {"frontchannel_logout_session_required", true},
	"backChannelLogoutURI": {"backchannel_logout_uri", "https://a.example.com/back"}, "backChannelLogoutSessionRequired": {"backchannel_logout_session_required", true},
	"logoUri": {"logo_uri", "https://a.example.com/logo.png"}, "clientUri": {"client_uri", "https://a.example.com/"}, "policyUri": {"policy_uri", "https://a.example.com/policy"},
	"tosUri": {"tos_uri", "https://a.example.com/terms"}, "contacts": {"contacts", []any{"shop@example.com"}},
	"accessTokenStrategy": {"access_token_strategy", "jwt"}, "clientSecretExpiresAt": {"client_secret_expires_at", 4102444800.0},
	"requestObjectSigningAlg": {"request_object_signing_alg", "RS256"}, "subjectType": {"subject_type", "public"},
	"userinfoSignedResponseAlg": {"userinfo_signed_response_alg", "RS256"},
}

// jsonNames are the names of a struct's fields.
func jsonNames(of reflect.Type) (all []string) {
	for f := range of.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		all = append(all, name)
	}
	return all
}

// sector is the address of a document that lists redirect URIs, and the file of a certificate that it is believed by.
func sector(t *testing.T, uris any) (address, trusted string) {
	t.Helper()
	text, err := json.Marshal(uris)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(text) }))
	t.Cleanup(s.Close)
	trusted = filepath.Join(t.TempDir(), "sector.crt")
	if err := os.WriteFile(trusted, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return s.URL + "/sector.json", trusted
}

// Whatever a resource says of its client the server has, field by field.
func TestEveryFieldReachesTheServer(t *testing.T) {
	spec, want := map[string]any{"secretName": "every-field"}, map[string]any{}
	for name, f := range clientFields {
		spec[name], want[f.server] = f.value, f.value
	}
	spec["clientSecretExpiresAt"] = int64(4102444800)
	sector, trusted := sector(t, clientFields["redirectUris"].value)
	spec["sectorIdentifierUri"], want["sector_identifier_uri"] = sector, sector // which the server reads
	lifespans := map[string]any{}
	for i, name := range jsonNames(reflect.TypeFor[hydra.TokenLifespans]()) {
		lifespans[name] = (time.Hour + time.Duration(i)*time.Second).String()
		want[name] = lifespans[name]
	}
	spec["tokenLifespans"] = lifespans
	for _, name := range jsonNames(reflect.TypeFor[hydra.OAuth2ClientSpec]()) {
		if _, ok := spec[name]; !ok && name != "scopeArray" && !slices.Contains(ownFields, name) {
			t.Errorf("%s is not tried", name)
		}
	}

	c, s := open(t), process.Start(t, process.Options{Env: []string{"SSL_CERT_FILE=" + trusted}})
	namespace := c.namespace(t)
	c.control(t, namespace, s.Admin, "--skip-consent", namespace)
	c.create(t, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "hydra.ory.sh/v1alpha1", "kind": "OAuth2Client", "metadata": map[string]any{"namespace": namespace, "name": "every-field"}, "spec": spec,
	}})
	of := machine(namespace, "every-field")
	c.becomes(t, of, "Registered")
	there := registered(t, s, of.Status.ClientID)
	got := map[string]any{}
	for name := range want {
		got[name] = there[name]
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}
