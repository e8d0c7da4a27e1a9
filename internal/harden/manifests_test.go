package harden

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// hardened is an installation of which nothing can be said.
const hardened = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: gatehouse, namespace: iam}
spec:
  replicas: 2
  template:
    metadata: {labels: {app: gatehouse}}
    spec:
      automountServiceAccountToken: false
      securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
      initContainers:
        - name: migrate
          image: registry.example.com/gatehouse:1.2.3
          securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
          resources: {requests: {cpu: 50m, memory: 64Mi}, limits: {memory: 128Mi}}
      containers:
        - name: server
          image: registry.example.com:5000/gatehouse@sha256:0a1b
          env:
            - {name: GATEHOUSE_PROFILE, value: production}
            - {name: GATEHOUSE_SECRETS_SYSTEM_FILE, value: /run/secrets/system}
            - {name: GATEHOUSE_DATABASES_DSN, valueFrom: {secretKeyRef: {name: gatehouse, key: dsn}}}
          ports: [{name: public, containerPort: 4444}]
          readinessProbe: {httpGet: {path: /health/ready, port: 4444}}
          livenessProbe: {httpGet: {path: /health/alive, port: 4444}}
          securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
          resources: {requests: {cpu: 100m, memory: 128Mi}, limits: {memory: 256Mi}}
      volumes: [{name: config, configMap: {name: gatehouse}}]
---
apiVersion: v1
kind: List
items:
  - apiVersion: policy/v1
    kind: PodDisruptionBudget
    metadata: {name: gatehouse, namespace: iam}
    spec: {selector: {matchExpressions: [{key: app, operator: In, values: [gatehouse]}]}}
  - apiVersion: networking.k8s.io/v1
    kind: NetworkPolicy
    metadata: {name: gatehouse, namespace: iam}
    spec: {podSelector: {matchLabels: {app: gatehouse}}, policyTypes: [Ingress]}
---
kind: Service
metadata: {name: gatehouse, namespace: iam}
spec: {type: ClusterIP, ports: [{name: http, port: 80, targetPort: public}, {name: operators, port: 81, targetPort: 4445}]}
---
kind: Ingress
metadata: {name: gatehouse, namespace: iam}
spec:
  tls: [{secretName: tls}]
  rules: [{http: {paths: [{backend: {service: {name: gatehouse, port: {number: 80}}}}]}}]
---
kind: HTTPRoute
metadata: {name: gatehouse, namespace: iam}
spec: {rules: [{backendRefs: [{name: gatehouse, port: 80}]}]}
---
kind: Secret
metadata: {name: gatehouse, namespace: iam}
data: {system: cTdadDRMa1A5d1hjMlZiTjhtUmY=}
stringData: {cookie: Hs5Jd3Gy6Ue1Ao0TiCxK}
---
kind: ConfigMap
metadata: {name: gatehouse, namespace: iam}
data:
  gatehouse.yaml: |
    profile: production
    log: {level: info}
    databases: {postgres: {host: db, password_file: /run/secrets/db}}
    secrets: {transit: {address: https://vault.example.com}}
`

const server = " container server"

func TestChecksOfManifests(t *testing.T) {
	const deployment = "Deployment iam/gatehouse"
	unsafe := map[string]struct{ from, to, path string }{
		"pod-privileged":            {"securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}\n          resources: {requests: {cpu: 100m", "securityContext: {privileged: true}\n          resources: {requests: {cpu: 100m", deployment + server},
		"pod-host-namespaces":       {"automount", "hostPID: true\n      automount", deployment},
		"pod-host-path":             {"configMap: {name: gatehouse}}]", "hostPath: {path: /etc}}]", deployment},
		"pod-host-port":             {"containerPort: 4444", "containerPort: 4444, hostPort: 80", deployment + server},
		"pod-root":                  {"runAsNonRoot: true, ", "", deployment + server},
		"pod-privilege-escalation":  {"allowPrivilegeEscalation: false, ", "", deployment + server},
		"pod-capabilities":          {"drop: [ALL]", "drop: [NET_RAW], add: [SYS_ADMIN]", deployment + server},
		"pod-writable-root":         {"readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", deployment + server},
		"pod-seccomp":               {"RuntimeDefault", "Unconfined", deployment + server},
		"pod-service-account-token": {"automountServiceAccountToken: false", "serviceAccountName: x", deployment},
		"pod-resources":             {", limits: {memory: 256Mi}", "", deployment + server},
		"pod-probes":                {"          livenessProbe: {httpGet: {path: /health/alive, port: 4444}}\n", "", deployment + server},
		"image-floating":            {"gatehouse@sha256:0a1b", "gatehouse", deployment + server},
		"workload-one-replica":      {"replicas: 2", "paused: false", deployment},
		"disruption-budget-missing": {"values: [gatehouse]", "values: [other]", deployment},
		"network-policy-missing":    {"policyTypes: [Ingress]", "policyTypes: [Egress]", deployment},
		"admin-service-exposed":     {"type: ClusterIP", "type: LoadBalancer", "Service iam/gatehouse"},
		"admin-ingress":             {"port: {number: 80}", "port: {name: operators}", "Ingress iam/gatehouse"},
		"ingress-plain-http":        {"  tls: [{secretName: tls}]\n", "", "Ingress iam/gatehouse"},
		"secret-in-env":             {"_SYSTEM_FILE, value: /run/secrets/system", "_SYSTEM, value: q7Zt4LkP9wXc2VbN8mRf", deployment + server},
		"secret-in-configmap":       {"log: {level: info}", "courier: {smtp: {connection_uri: 'smtps://u:hunter2@mail/'}}", "ConfigMap iam/gatehouse gatehouse.yaml"},
		"secret-published":          {"cTdadDRMa1A5d1hjMlZiTjhtUmY=", base64.StdEncoding.EncodeToString([]byte("q7Zt4LkP9wXc2VbN8mRf\nyouReallyNeedToChangeThis\n")), "Secret iam/gatehouse system"},
		"pod-development":           {"value: production", "value: development", deployment + server},
	}
	read := func(text string) *Facts {
		t.Helper()
		c, err := ReadManifests(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return &Facts{Subject: "manifests", Read: today, Cluster: c}
	}
	for _, f := range Judge(today, nil, read(hardened)).Findings {
		t.Errorf("the hardened installation: %s at %s: %s", f.Check, f.Path, f.Detail)
	}
	for _, c := range Checks() {
		if c.Source != Manifests {
			continue
		}
		tc, there := unsafe[c.ID]
		if !there {
			t.Errorf("%s: nothing is written here that it finds", c.ID)
			continue
		}
		changed := strings.ReplaceAll(hardened, tc.from, tc.to)
		if changed == hardened {
			t.Errorf("%s: nothing was changed", c.ID)
		}
		if got := finds(c.ID, read(changed)); !slices.Contains(got, tc.path) {
			t.Errorf("%s finds %v, want %s", c.ID, got, tc.path)
		}
		// The object that is named can accept it.
		kind, name := strings.Fields(tc.path)[0], `{name: gatehouse, namespace: iam`
		accepting := strings.Replace(changed, "kind: "+kind+"\nmetadata: "+name, "kind: "+kind+"\nmetadata: "+name+", annotations: {gatehouse.dev/accept-"+c.ID+": so it is}", 1)
		r := Judge(today, []string{c.ID}, read(accepting))
		for _, f := range r.Findings {
			if f.Accepted == nil || f.Accepted.Reason != "so it is" {
				t.Errorf("%s is not accepted at %s", c.ID, f.Path)
			}
		}
		if r.Fails(Info) {
			t.Errorf("%s fails although it is accepted", c.ID)
		}
	}
}

// Nothing that a manifest says is repeated that could be a secret.
func TestManifestFindingsHoldNoSecret(t *testing.T) {
	c, err := ReadManifests(strings.NewReader(strings.NewReplacer(
		"_SYSTEM_FILE, value: /run/secrets/system", "_SYSTEM, value: q7Zt4LkP9wXc2VbN8mRf", "log: {level: info}", "courier: {smtp: {connection_uri: 'smtps://u:hunter2@mail/'}}",
		"cookie: Hs5Jd3Gy6Ue1Ao0TiCxK", "cookie: changeme-changeme",
	).Replace(hardened)))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	r := Judge(today, nil, &Facts{Subject: "manifests", Read: today, Cluster: c})
	for _, format := range Formats() {
		if err := r.Write(&out, format, "test"); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range []string{"q7Zt4LkP9wXc2VbN8mRf", "hunter2", "changeme-changeme"} {
		if strings.Contains(out.String(), s) {
			t.Errorf("%s is in\n%s", s, out.String())
		}
	}
	if len(r.Findings) < 3 {
		t.Errorf("only %d findings", len(r.Findings))
	}
}

func TestManifestsThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "there is no manifest",
		"---\n---\n":                       "there is no manifest",
		"a: b":                             "document 1 is no Kubernetes object",
		"kind: Pod\n---\n- 1\n":            "document 2 is no Kubernetes object",
		"kind: [":                          "document 1 is not YAML",
		"kind: List\nitems: [1]\n":         "document 1 is no Kubernetes object",
		"kind: Pod\nspec:\n  a: &a [*a]\n": "document 1 is not YAML",
	} {
		if _, err := ReadManifests(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	if _, err := ReadManifests(strings.NewReader(strings.Repeat(" ", mostManifests+1))); err == nil {
		t.Error("any number of bytes is read")
	}
}

// What a manifest names moves nobody's cursor, and cannot pass for a finding of ours.
func TestNamesInManifestsAreShownAsTheyAre(t *testing.T) {
	c, err := ReadManifests(strings.NewReader(`{kind: Secret, metadata: {name: "a\e[2J\x9b31m\u202e"}, stringData: {password: changeme}}`))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := Judge(today, nil, &Facts{Read: today, Cluster: c}).WriteText(&b); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(b.String(), "\x1b\u009b\u202e") || !strings.Contains(b.String(), `a\x1b[2J\u009b31m\u202e`) {
		t.Errorf("%q", b.String())
	}
}

func TestConfigurationsInManifests(t *testing.T) {
	c, err := ReadManifests(strings.NewReader(strings.Replace(hardened, "kind: ConfigMap\nmetadata: {", "kind: ConfigMap\nmetadata: {annotations: {gatehouse.dev/accept-tenant-default: one tenant}, ", 1)))
	if err != nil {
		t.Fatal(err)
	}
	all := c.Configurations()
	if len(all) != 1 || all[0].Subject != "ConfigMap iam/gatehouse gatehouse.yaml" || !strings.Contains(string(all[0].Content), "profile: production") || len(all[0].Accepted) != 1 {
		t.Errorf("%+v", all)
	}
}

// What is not listed as an argument of a flag that Gatehouse does not know is none of our business.
func TestFlagsOfOthers(t *testing.T) {
	for args, want := range map[string]int{`["serve", "--demo"]`: 1, `["--swagger=true", "--dev"]`: 2, `["serve", "-c", "x.yaml"]`: 0, `[1, {a: b}]`: 0} {
		c, err := ReadManifests(strings.NewReader("kind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: b, args: " + args + "}]}\n"))
		if err != nil {
			t.Fatal(err)
		}
		if got := finds("pod-development", &Facts{Cluster: c}); len(got) != want {
			t.Errorf("%s: %v, want %d", args, got, want)
		}
	}
}

// FuzzReadManifests: whatever a stranger renders, it is refused or judged.
func FuzzReadManifests(f *testing.F) {
	f.Add(hardened)
	f.Add("kind: Pod\nspec: {containers: 1, volumes: {a: b}}")
	f.Add("kind: CronJob\nspec: {jobTemplate: {spec: {template: {spec: {containers: [{env: [{name: A, value: 1}]}]}}}}}")
	f.Add("kind: Secret\ndata: {password: '!', system: 5}\n---\nkind: ConfigMap\ndata: {a: 'profile: x\\nserve: [1]'}")
	f.Add("a: &a [*a]\nkind: &b List\nitems: [{kind: List, items: [{kind: *b}]}]")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ReadManifests(strings.NewReader(text))
		if err != nil {
			return
		}
		c.Configurations()
		r := Judge(today, nil, &Facts{Subject: "manifests", Read: today, Cluster: c})
		for _, format := range Formats() {
			if err := r.Write(&strings.Builder{}, format, "test"); err != nil {
				t.Errorf("%s: %v", format, err)
			}
		}
	})
}

// What is done with tokens, and how long they last, are no secrets, whatever their names.
func TestNamesOfSecrets(t *testing.T) {
	for name, value := range map[string]string{"access_token": "30m", "refresh_token": "1h30m", "access_token_strategy": "jwt", "token": "true", "token_from": "x"} {
		if why := holdsSecret(name, value); why != "" {
			t.Errorf("%s: %s %s", name, value, why)
		}
	}
	for name, value := range map[string]string{"access_token": "Zm9vYmFy", "password": "12345678", "salt": "30 m"} {
		if holdsSecret(name, value) == "" {
			t.Errorf("%s: %s is no secret", name, value)
		}
	}
}

// A private key is one as it stands, and in an address that holds it, whatever they are called; a public one is none.
func TestPrivateKeysInManifests(t *testing.T) {
	for key, private := range map[string]bool{
		`{"kty":"OKP","crv":"Ed25519","x":"eA","d":"ZA"}`: true, `{"kty":"oct","k":"a2V5"}`: true, `{"kty":"OKP","crv":"Ed25519","x":"eA"}`: false, `{"d":"a word"}`: false,
	} {
		set := `{"keys":[` + key + `]}`
		for _, value := range []string{set, "base64://" + base64.StdEncoding.EncodeToString([]byte(set)), "base64://" + base64.RawURLEncoding.EncodeToString([]byte(set)), "inline://" + base64.StdEncoding.EncodeToString([]byte(set))} {
			if why := holdsSecret("jwks_url", value); (why == "is a private key") != private {
				t.Errorf("%s, %s: %q", key, value, why)
			}
			for _, data := range []map[string]string{{"keys.json": value}, {"gatehouse.yaml": "session: {whoami: {tokenizer: {templates: {t: {jwks_url: '" + value + "'}}}}}"}} {
				content, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "a"}, "data": data})
				if err != nil {
					t.Fatal(err)
				}
				c, err := ReadManifests(strings.NewReader(string(content)))
				if err != nil {
					t.Fatal(err)
				}
				if got := finds("secret-in-configmap", &Facts{Cluster: c}); (len(got) > 0) != private {
					t.Errorf("%s in a ConfigMap: %v", data, got)
				}
			}
		}
	}
}

// A variable is given as a text, by a Secret or by a file.
func TestVariablesOfContainers(t *testing.T) {
	c, err := ReadManifests(strings.NewReader(hardened))
	if err != nil {
		t.Fatal(err)
	}
	if !c.Sets("GATEHOUSE_PROFILE") || !c.Sets("GATEHOUSE_SECRETS_SYSTEM") || c.Sets("GATEHOUSE_LOG_LEVEL") {
		t.Error("the variables of the hardened installation are not known")
	}
}
