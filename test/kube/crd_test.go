package kube

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	hydra "github.com/gatehouse-iam/gatehouse/api/hydra/v1alpha1"
	oathkeeper "github.com/gatehouse-iam/gatehouse/api/oathkeeper/v1alpha1"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

var crds = map[string]string{"oauth2clients": "hydra.ory.sh_oauth2clients.yaml", "rules": "oathkeeper.ory.sh_rules.yaml", "apirules": "gateway.kyma-project.io_apirules.yaml"}

// The CRDs are what the Go types say.
func TestCRDsAreCurrent(t *testing.T) {
	dir, err := filepath.Abs(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(repository("scripts", "generate-crds"), dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range crds {
		fresh, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		kept, err := os.ReadFile(repository("deploy", "crds", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(fresh, kept) {
			t.Errorf("deploy/crds/%s is stale: run scripts/generate-crds\n%s", name, cmp.Diff(string(kept), string(fresh)))
		}
	}
	entries, err := os.ReadDir(repository("deploy", "crds"))
	if err != nil || len(entries) != len(crds) {
		t.Errorf("deploy/crds has %d files, and %d are known here: %v", len(entries), len(crds), err)
	}
}

// schema is as much of a CRD's schema as is looked at.
type schema struct {
	Type        string            `json:"type"`
	Description string            `json:"description"`
	Properties  map[string]schema `json:"properties"`
	Items       *schema           `json:"items"`
}

// fields are all fields of a schema by their path.
func (s schema) fields(path string, into map[string]schema) map[string]schema {
	for name, of := range s.Properties {
		into[path+"."+name] = of
		of.fields(path+"."+name, into)
	}
	if s.Items != nil {
		into[path+"[]"] = *s.Items
		s.Items.fields(path+"[]", into)
	}
	return into
}

func fieldsOf(t *testing.T, crd string) map[string]schema {
	t.Helper()
	raw, err := os.ReadFile(repository("deploy", "crds", crds[crd]))
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Spec struct {
			Versions []struct {
				Schema struct {
					Schema schema `json:"openAPIV3Schema"`
				} `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(raw, &d); err != nil {
		t.Fatal(err)
	}
	return d.Spec.Versions[0].Schema.Schema.fields("", map[string]schema{})
}

// Every field of the maesters' CRDs is there with its type, and every field tells `kubectl explain` what it is for.
func TestFieldsOfCRDs(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("testdata", "maester-fields.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		words := strings.Fields(line)
		if got, ok := fieldsOf(t, words[0])[words[1]]; !ok || got.Type != words[2] {
			t.Errorf("%s: %s is %q, and the maester's %s", words[0], words[1], got.Type, words[2])
		}
	}
	for crd := range crds {
		for path, field := range fieldsOf(t, crd) {
			if field.Description == "" && !strings.HasSuffix(path, "[]") && path != ".metadata" {
				t.Errorf("%s: %s has no description", crd, path)
			}
		}
	}
}

// What was written for Ory's controllers applies unchanged, and does what it did.
func TestSamples(t *testing.T) {
	c, s := open(t), process.Start(t, process.Options{})
	namespace := c.namespace(t)
	c.control(t, namespace, s.Admin)
	admin, err := url.Parse(s.Admin)
	if err != nil {
		t.Fatal(err)
	}
	samples, err := filepath.Glob(filepath.Join("testdata", "samples", "*.yaml"))
	if err != nil || len(samples) != 4 {
		t.Fatal(samples, err)
	}
	for _, sample := range samples {
		raw, err := os.ReadFile(sample)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "sample.yaml")
		if err := os.WriteFile(path, bytes.ReplaceAll(raw, []byte("@PORT@"), []byte(admin.Port())), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := c.apply(namespace, path); err != nil {
			t.Fatalf("%s: %v", sample, err)
		}
	}
	at := func(name string) *hydra.OAuth2Client {
		return &hydra.OAuth2Client{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	}
	made := at("storefront")
	c.becomes(t, made, "Registered")
	id, secret := idAndSecret(c.secretOf(t, made))
	if !opens(t, s.Public, id, secret) {
		t.Error("the client of a made Secret does not open")
	}
	there := registered(t, s, id)
	for field, want := range map[string]any{
		"scope": "read write", "audience": []any{"orders", "invoices"}, "metadata": map[string]any{"tier": 1.0, "team": "2"},
		"client_credentials_grant_access_token_lifespan": "30m0s", "access_token_strategy": "jwt", "owner": "storefront/" + namespace,
	} {
		if d := cmp.Diff(want, there[field]); d != "" {
			t.Errorf("%s:\n%s", field, d)
		}
	}
	c.becomes(t, at("backoffice"), "Registered")
	if !opens(t, s.Public, "backoffice", "not-so-secret-at-all") {
		t.Error("the client of a chosen Secret does not open")
	}
	c.becomes(t, at("external"), "SecretMissing")
	var rules oathkeeper.RuleList
	if err := c.List(t.Context(), &rules, client.InNamespace(namespace)); err != nil || len(rules.Items) != 2 {
		t.Errorf("%d rules: %v", len(rules.Items), err)
	}
	for i := range rules.Items {
		c.judged(t, &rules.Items[i], "InForce")
	}
}

// The API server refuses what cannot work, and says why.
func TestCRDsRefuse(t *testing.T) {
	c := open(t)
	namespace := c.namespace(t)
	for _, test := range []struct{ spec, why string }{
		{`{grantTypes: [client_credentials]}`, "secretName"},
		{`{secretName: s}`, "grantTypes"},
		{`{secretName: s, grantTypes: []}`, "at least 1"},
		{`{secretName: s, grantTypes: [password]}`, "Unsupported value"},
		{`{secretName: "No Name", grantTypes: [client_credentials]}`, "secretName"},
		{`{secretName: s, grantTypes: [client_credentials], tokenEndpointAuthMethod: private_key_jwt}`, "needs jwksUri"},
		{`{secretName: s, grantTypes: [client_credentials], hydraAdmin: {port: 4445}}`, "belong to url"},
		{`{secretName: s, grantTypes: [client_credentials], tokenEndpointAuthMethod: none, secretRotation: {every: 24h}}`, "no use"},
		{`{secretName: s, grantTypes: [client_credentials], requireExistingSecret: true, secretRotation: {every: 24h}}`, "whoever brings the Secret"},
		{`{secretName: s, grantTypes: [client_credentials], secretRotation: {every: 10s, overlap: 1s}}`, "at least 1m"},
		{`{secretName: s, grantTypes: [client_credentials], secretRotation: {every: 30m}}`, "shorter than every"},
		{`{secretName: s, grantTypes: [client_credentials], secretRotation: {every: soon}}`, "duration"},
		{`{secretName: s, grantTypes: [client_credentials], tenant: "../acme"}`, "tenant"},
		{`{secretName: s, grantTypes: [client_credentials], scopes: [read]}`, "unknown field"},
	} {
		path := filepath.Join(t.TempDir(), "client.yaml")
		text := fmt.Sprintf("apiVersion: hydra.ory.sh/v1alpha1\nkind: OAuth2Client\nmetadata: {name: refused}\nspec: %s\n", test.spec)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := c.apply(namespace, path); err == nil || !strings.Contains(err.Error(), test.why) {
			t.Errorf("%s: %v, and the reason should say %q", test.spec, err, test.why)
		}
	}
	accepted := machine(namespace, "new-grants")
	accepted.Spec.GrantTypes = []hydra.GrantType{"urn:ietf:params:oauth:grant-type:device_code", "urn:ietf:params:oauth:grant-type:jwt-bearer"}
	c.create(t, accepted)
}

// `kubectl get` shows what matters.
func TestPrinterColumns(t *testing.T) {
	c := open(t)
	client, err := rest.HTTPClientFor(c.env.Config)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][]string{
		"hydra.ory.sh/v1alpha1/oauth2clients":       {"Name", "Ready", "Reason", "Client ID", "Secret", "Tenant", "Message", "Age"},
		"oathkeeper.ory.sh/v1alpha1/rules":          {"Name", "Ready", "Reason", "URL", "Upstream", "Message", "Age"},
		"gateway.kyma-project.io/v1beta1/apirules":  {"Name", "Status", "Host", "Ready", "Reason", "Message", "Age"},
		"gateway.kyma-project.io/v1alpha1/apirules": {"Name", "Status", "Host", "Ready", "Reason", "Message", "Age"},
	} {
		var body []byte
		eventually(t, func() (bool, string) { // it may still be opening its storage
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, strings.TrimSuffix(c.env.Config.Host, "/")+"/apis/"+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			if body, err = io.ReadAll(resp.Body); err != nil {
				t.Fatal(err)
			}
			return resp.StatusCode == http.StatusOK, string(body)
		})
		var table metav1.Table
		if err := json.Unmarshal(body, &table); err != nil {
			t.Fatalf("%v\n%s", err, body)
		}
		var got []string
		for _, column := range table.ColumnDefinitions {
			got = append(got, column.Name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s shows %v", path, got)
		}
	}
}
