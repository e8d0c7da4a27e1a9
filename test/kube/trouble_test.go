package kube

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	coordination "k8s.io/api/coordination/v1"
	rbac "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	hydra "github.com/gatehouse-iam/gatehouse/api/hydra/v1alpha1"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

// The controller is killed when the server has done something and the controller does not know it yet: there is one client in the end,
// and the Secret opens it.
func TestKilledInTheMidst(t *testing.T) {
	c, s := open(t), process.Start(t, process.Options{})
	registers := func(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.Path == "/admin/clients" }
	rotates := func(r *http.Request) bool {
		return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/secrets/rotate")
	}

	t.Run("client made, Secret not written", func(t *testing.T) {
		namespace, b := c.namespace(t), newBetween(t, s)
		k := c.configure(t, namespace, b.URL)
		b.once(registers, func() { k.kill() })
		k.run()
		of := machine(namespace, "cut-off")
		c.create(t, of)
		k.ended()
		if ids := clientsOf(t, s, "cut-off/"+namespace); len(ids) != 1 || c.secretOf(t, of) != nil {
			t.Fatalf("before the restart: clients %v, Secret %v", ids, c.secretOf(t, of) != nil)
		}
		k.run()
		c.becomes(t, of, "Registered")
		id, secret := idAndSecret(c.secretOf(t, of))
		if ids := clientsOf(t, s, "cut-off/"+namespace); len(ids) != 1 || ids[0] != id || !opens(t, s.Public, id, secret) {
			t.Errorf("clients %v, and the Secret's is %s, which opens: %v", ids, id, opens(t, s.Public, id, secret))
		}
	})

	t.Run("secret rotated, Secret not written", func(t *testing.T) {
		namespace, b := c.namespace(t), newBetween(t, s)
		k := c.control(t, namespace, b.URL)
		of := machine(namespace, "cut-off-later")
		c.create(t, of)
		c.becomes(t, of, "Registered")
		id, before := idAndSecret(c.secretOf(t, of))
		b.once(rotates, func() { k.kill() })
		change(t, c, of, func(of *hydra.OAuth2Client) { of.Spec.SecretRotation = &hydra.SecretRotation{Request: "now"} })
		k.ended()
		if _, now := idAndSecret(c.secretOf(t, of)); now != before || !opens(t, s.Public, id, before) {
			t.Fatal("what applications have does not open while the controller is away")
		}
		k.run()
		c.becomes(t, of, "Registered")
		_, after := idAndSecret(c.secretOf(t, of))
		if after == before || !opens(t, s.Public, id, after) || !opens(t, s.Public, id, before) {
			t.Error("after the restart there is not an old secret and a new one that both open")
		}
	})
}

// A secret that was rotated but cannot be written anywhere is given up, and not the one that applications have.
func TestSecretThatCannotBeWritten(t *testing.T) {
	c, s := open(t), process.Start(t, process.Options{})
	namespace, b := c.namespace(t), newBetween(t, s)
	c.control(t, namespace, b.URL)
	of := machine(namespace, "frozen")
	c.create(t, of)
	c.becomes(t, of, "Registered")
	frozen := c.secretOf(t, of)
	frozen.Immutable = new(bool)
	*frozen.Immutable = true
	if err := c.Update(t.Context(), frozen); err != nil {
		t.Fatal(err)
	}
	id, secret := idAndSecret(frozen)
	change(t, c, of, func(of *hydra.OAuth2Client) {
		of.Spec.SecretRotation = &hydra.SecretRotation{Request: "now", Overlap: &metav1.Duration{Duration: time.Nanosecond}}
	})
	c.becomes(t, of, "SecretNotWritten")
	eventually(t, func() (bool, string) { // it is tried again and again
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.seen[http.MethodPost] >= 4, fmt.Sprint(b.seen)
	})
	if !opens(t, s.Public, id, secret) {
		t.Error("the secret that applications have was ended for one that was never written")
	}
	if err := c.Delete(t.Context(), frozen); err != nil { // which mends it
		t.Fatal(err)
	}
	c.becomes(t, of, "Registered")
	if id, secret := idAndSecret(c.secretOf(t, of)); !opens(t, s.Public, id, secret) {
		t.Error("the client does not open with the new Secret")
	}
}

// Of two controllers one works; when it is killed, the other takes over.
func TestLeaderElection(t *testing.T) {
	c, s := open(t), process.Start(t, process.Options{})
	namespace := c.namespace(t)
	arguments := []string{
		"--enable-leader-election", "--leader-elector-namespace", "gatehouse", "--leader-lease", "15s", "--leader-renew-deadline", "12s", "--leader-retry-period", "1s",
	}
	gates := [2]*between{newBetween(t, s), newBetween(t, s)}
	var controllers [2]*controller
	for i, b := range gates {
		controllers[i] = c.control(t, namespace, b.URL, arguments...)
	}
	talks := func(b *between) bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return len(b.seen) > 0
	}
	of := machine(namespace, "first")
	c.create(t, of)
	c.becomes(t, of, "Registered")
	leader, other := 0, 1
	if talks(gates[1]) {
		leader, other = 1, 0
	}
	if talks(gates[other]) {
		t.Error("both controllers spoke to the server")
	}
	var lease coordination.Lease
	if err := c.Get(t.Context(), types.NamespacedName{Namespace: "gatehouse", Name: "gatehouse-controller"}, &lease); err != nil {
		t.Errorf("the lease: %v", err)
	}
	controllers[leader].kill()
	next := machine(namespace, "second")
	c.create(t, next)
	c.becomes(t, next, "Registered")
	if !talks(gates[other]) {
		t.Error("the other controller did not take over")
	}
}

// A server that is away is told of in the status, and waited for.
func TestServerDownAndBack(t *testing.T) {
	c, s := open(t), process.Start(t, process.Options{})
	namespace := c.namespace(t)
	c.control(t, namespace, s.Admin)
	s.Stop()
	of := machine(namespace, "patient")
	c.create(t, of)
	c.becomes(t, of, "ServerUnreachable")
	if of.Status.ReconciliationError.StatusCode != "CLIENT_UPDATE_FAILED" {
		t.Errorf("the error in hydra-maester's words: %+v", of.Status.ReconciliationError)
	}
	s.Run()
	c.becomes(t, of, "Registered")
	if id, secret := idAndSecret(c.secretOf(t, of)); !opens(t, s.Public, id, secret) {
		t.Error("the client does not open")
	}
}

// What the server does not accept stays in the status, with the server's reason, until it is mended.
func TestRejectedUntilMended(t *testing.T) {
	c, s := open(t), process.Start(t, process.Options{})
	namespace := c.namespace(t)
	c.control(t, namespace, s.Admin)
	of := machine(namespace, "wrong")
	of.Spec.Audience = []string{"two words"}
	c.create(t, of)
	if ready := c.becomes(t, of, "ClientRejected"); !strings.Contains(ready.Message, "audience") {
		t.Errorf("the condition does not say what is wrong: %s", ready.Message)
	}
	change(t, c, of, func(of *hydra.OAuth2Client) { of.Spec.Audience = []string{"one"} })
	c.becomes(t, of, "Registered")
}

// Deleting a resource does not hang, whatever became of the server or the tenant.
func TestDeletionNeverHangs(t *testing.T) {
	c := open(t)
	t.Run("server gone", func(t *testing.T) {
		s := process.Start(t, process.Options{})
		namespace := c.namespace(t)
		k := c.control(t, namespace, s.Admin, "--removal-timeout", "2s")
		of := machine(namespace, "left")
		c.create(t, of)
		c.becomes(t, of, "Registered")
		s.Stop()
		c.remove(t, of)
		eventually(t, func() (bool, string) {
			return strings.Contains(k.output.String(), "left on its server"), k.output.String()
		})
	})
	t.Run("tenant gone", func(t *testing.T) {
		s := process.Start(t, process.Options{})
		if code, answer := ask(t, s, http.MethodPost, "/admin/tenants", map[string]any{"id": "acme"}); code != http.StatusCreated {
			t.Fatal(code, answer)
		}
		namespace := c.namespace(t)
		c.control(t, namespace, s.Admin, "--tenant", "acme="+namespace)
		of := machine(namespace, "tenants")
		of.Spec.Tenant = "acme"
		c.create(t, of)
		c.becomes(t, of, "Registered")
		if code, _ := s.Try(s.Admin + "/t/acme/admin/clients/" + of.Status.ClientID); code != http.StatusOK {
			t.Errorf("the tenant does not have the client: %d", code)
		}
		if registered(t, s, of.Status.ClientID) != nil {
			t.Error("the client is in another tenant")
		}
		if code, answer := ask(t, s, http.MethodDelete, "/admin/tenants/acme?confirm=acme", nil); code >= 300 {
			t.Fatal(code, answer)
		}
		next := machine(namespace, "later")
		next.Spec.Tenant = "acme"
		c.create(t, next)
		c.becomes(t, next, "TenantNotFound")
		c.remove(t, of)
		c.remove(t, next)
	})
	t.Run("kept", func(t *testing.T) {
		s := process.Start(t, process.Options{})
		namespace := c.namespace(t)
		c.control(t, namespace, s.Admin)
		of := machine(namespace, "kept")
		of.Spec.DeletionPolicy = hydra.Orphan
		c.create(t, of)
		c.becomes(t, of, "Registered")
		id := of.Status.ClientID
		c.remove(t, of)
		if registered(t, s, id) == nil {
			t.Error("deletionPolicy orphan removed the client")
		}
	})
}

// A resource cannot lead the controller, and its credential, to another server or to another API.
func TestHostileHydraAdmin(t *testing.T) {
	var visits atomic.Int64
	count := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) })
	stranger, allowed := httptest.NewServer(count), httptest.NewServer(http.RedirectHandler("http://stranger.invalid/", http.StatusTemporaryRedirect))
	t.Cleanup(stranger.Close)
	t.Cleanup(allowed.Close)
	c, s := open(t), process.Start(t, process.Options{})
	namespace := c.namespace(t)
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("gh_admin_not-for-strangers\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	k := c.control(t, namespace, s.Admin, "--admin-key-file", key, "--allow-hydra-admin", allowed.URL)
	host := strings.TrimPrefix(s.Admin, "http://")
	for i, asked := range []hydra.HydraAdmin{
		{URL: stranger.URL},
		{URL: "http://169.254.169.254"},
		{URL: "http://" + host + "@" + strings.TrimPrefix(stranger.URL, "http://")},
		{URL: "http://x:y@" + host},
		{URL: s.Admin + "/../admin/tenants"},
		{URL: s.Admin + "?x=1"},
		{URL: s.Admin + "#x"},
		{URL: s.Admin, Port: 1},
		{URL: "https://" + host},
		{URL: s.Admin, Endpoint: "/admin/admin-keys"},
		{URL: s.Admin, Endpoint: "/admin/clients/../admin-keys"},
		{URL: s.Admin, Endpoint: "/t/acme/admin/clients"},
	} {
		of := machine(namespace, fmt.Sprintf("hostile-%d", i))
		of.Spec.HydraAdmin = asked
		c.create(t, of)
		c.becomes(t, of, "ServerRefused")
		if of.Status.ReconciliationError.StatusCode != "INVALID_HYDRA_ADDRESS" {
			t.Errorf("%+v: %+v", asked, of.Status.ReconciliationError)
		}
		c.remove(t, of)
	}
	if n := visits.Load(); n != 0 {
		t.Errorf("the controller followed a resource to a stranger %d times", n)
	}
	// The controller's own server, and one that is allowed, may be named; a redirect is not followed.
	of := machine(namespace, "own")
	of.Spec.HydraAdmin = hydra.HydraAdmin{URL: s.Admin, Endpoint: "/clients", ForwardedProto: "https"}
	c.create(t, of)
	c.becomes(t, of, "Registered")
	of = machine(namespace, "redirected")
	of.Spec.HydraAdmin.URL = allowed.URL
	c.create(t, of)
	c.becomes(t, of, "ClientRejected")
	process.NoSecrets(t, k.output.String(), "not-for-strangers")
}

// Tenants belong to namespaces by the controller's configuration.
func TestTenantOfAnotherNamespace(t *testing.T) {
	c, s := open(t), process.Start(t, process.Options{})
	namespace := c.namespace(t)
	c.control(t, namespace, s.Admin, "--tenant", "acme=other-*")
	of := machine(namespace, "intruder")
	of.Spec.Tenant = "acme"
	c.create(t, of)
	c.becomes(t, of, "TenantRefused")
	c.remove(t, of)
}

// Who may make clients in a namespace does not make himself an administrator of the server, though the controller is one, and gets nobody's
// data without a question.
func TestPrivilegesOfAdministrators(t *testing.T) {
	c, s := open(t), process.Start(t, process.Options{})
	namespace := c.namespace(t)
	controller := c.control(t, namespace, s.Admin)
	for i, scope := range []string{"read", "read gatehouse:viewer", "*", "read\t*"} {
		of := machine(namespace, fmt.Sprintf("climber-%d", i))
		of.Spec.Scope, of.Spec.ScopeArray = scope, nil
		if i == 0 {
			of.Spec.Scope, of.Spec.ScopeArray = "read", []string{"read", "gatehouse:admin"}
		}
		c.create(t, of)
		c.becomes(t, of, "ScopeRefused")
		if of.Status.ClientID != "" {
			t.Errorf("%q: it has the client %s", scope, of.Status.ClientID)
		}
		c.remove(t, of)
	}
	unasked := machine(namespace, "unasked")
	unasked.Spec.SkipConsent = true
	c.create(t, unasked)
	if ready := c.becomes(t, unasked, "ConsentRefused"); !strings.Contains(ready.Message, "--skip-consent "+namespace) || unasked.Status.ClientID != "" {
		t.Errorf("it has the client %q, and is told %s", unasked.Status.ClientID, ready.Message)
	}
	controller.stop()
	c.control(t, namespace, s.Admin, "--admin-scopes", "other-*,"+namespace, "--skip-consent", "other-*,"+namespace)
	of := machine(namespace, "robot")
	of.Spec.Scope, of.Spec.ScopeArray = "gatehouse:viewer", nil
	c.create(t, of)
	c.becomes(t, of, "Registered")
	c.remove(t, of)
	c.becomes(t, unasked, "Registered")
	if registered(t, s, unasked.Status.ClientID)["skip_consent"] != true {
		t.Error("people are asked for consent though the resource and the operator say otherwise")
	}
}

// What the API server does not let the controller do is in the status, until it does; it is not ready because it once was.
func TestRightsThatAreTakenAway(t *testing.T) {
	c, s := open(t), process.Start(t, process.Options{})
	namespace := c.namespace(t)
	k := c.control(t, namespace, s.Admin)
	k.deprived = true
	of := machine(namespace, "deprived")
	c.create(t, of)
	c.becomes(t, of, "Registered")

	var rights rbac.ClusterRole
	if err := c.Get(t.Context(), types.NamespacedName{Name: "gatehouse-controller"}, &rights); err != nil {
		t.Fatal(err)
	}
	less := &rbac.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "less"}}
	for _, rule := range rights.Rules {
		if slices.Contains(rule.Resources, "secrets") {
			rule.Verbs = []string{"list", "watch"}
		}
		less.Rules = append(less.Rules, rule)
	}
	c.create(t, less)
	bound := &rbac.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "gatehouse-controller"}}
	bind := func(kind, name string) {
		t.Helper()
		if err := c.Delete(t.Context(), bound); err != nil {
			t.Fatal(err)
		}
		bound = &rbac.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "gatehouse-controller"},
			RoleRef:    rbac.RoleRef{APIGroup: rbac.GroupName, Kind: kind, Name: name},
			Subjects:   []rbac.Subject{{Kind: "ServiceAccount", Namespace: "gatehouse", Name: "gatehouse-controller"}},
		}
		c.create(t, bound)
	}
	bind("Role", less.Name)
	if ready := c.becomes(t, of, "NotReconciled"); !strings.Contains(ready.Message, of.Spec.SecretName) {
		t.Errorf("the condition does not name what cannot be read: %s", ready.Message)
	}
	bind("ClusterRole", rights.Name)
	c.becomes(t, of, "Registered")
}

// An admin key from a file opens the server, also one that takes its place: the key that docs/kubernetes.md has made, which may no more than it needs.
func TestAdminKeyFromFile(t *testing.T) {
	c := open(t)
	s := process.Start(t, process.Options{Config: "secrets: {admin: [an-admin-key-of-thirty-two-characters]}\n"})
	namespace := c.namespace(t)
	file := filepath.Join(t.TempDir(), "key")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("of-another-server-which-opens-nothing-here\n")
	k := c.control(t, namespace, s.Admin, "--admin-key-file", file)
	of := machine(namespace, "keyed")
	c.create(t, of)
	c.becomes(t, of, "AccessDenied")
	made, status := s.CommandEnv([]string{"GATEHOUSE_ADMIN_KEY=an-admin-key-of-thirty-two-characters"},
		"admin", "keys", "create", "--endpoint", s.Admin, "--name", "kubernetes", "--role", "operator", "--only", "clients", "--only", "rules", "--tenant", "*", "--expires", "never")
	key := regexp.MustCompile(`gh_admin_\S+`).FindString(made)
	if status != 0 || key == "" {
		t.Fatal(made)
	}
	write(key + "\n")
	c.becomes(t, of, "Registered")
	rule := new(doorway).rule(namespace, "keyed", "http://keyed.example.com/<.*>")
	rule.Spec.Upstream = nil
	c.create(t, rule)
	c.judged(t, rule, "InForce")
	process.NoSecrets(t, k.output.String(), key, "of-another-server-which-opens-nothing-here")
}

// Five hundred resources become clients, each with its Secret; clients whose resource is gone are found on every page of the list.
func TestManyClients(t *testing.T) {
	const many, orphans = 500, 600
	c, s := open(t), process.Start(t, process.Options{})
	namespace := c.namespace(t)
	each := func(n int, do func(i int) error) {
		t.Helper()
		var group sync.WaitGroup
		var failed atomic.Pointer[error]
		var next atomic.Int64
		for range 8 {
			group.Go(func() {
				for i := next.Add(1); i <= int64(n); i = next.Add(1) {
					if err := do(int(i)); err != nil {
						failed.Store(&err)
					}
				}
			})
		}
		group.Wait()
		if err := failed.Load(); err != nil {
			t.Fatal(*err)
		}
	}
	each(orphans, func(i int) error {
		resp, err := http.Post(s.Admin+"/admin/clients", "application/json", strings.NewReader(fmt.Sprintf(`{"owner":"gone-%d/%s","token_endpoint_auth_method":"none"}`, i, namespace)))
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		if answer, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusCreated {
			return fmt.Errorf("%d %s", resp.StatusCode, answer)
		}
		return nil
	})
	each(many, func(i int) error {
		return c.Create(context.Background(), machine(namespace, fmt.Sprintf("many-%d", i)))
	})
	k := c.control(t, namespace, s.Admin, "--sync-period", "1h", "--orphan-period", "1s")
	eventually(t, func() (bool, string) {
		n, _ := k.metric(`gatehouse_controller_clients{ready="True"}`)
		return n == fmt.Sprint(many), n + " ready"
	})
	eventually(t, func() (bool, string) {
		n, _ := k.metric(fmt.Sprintf("gatehouse_controller_orphaned_clients{server=%q}", s.Admin+"/admin/clients"))
		return n == fmt.Sprint(orphans), n + " orphans"
	})
	var list hydra.OAuth2ClientList
	if err := c.List(t.Context(), &list, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i := range list.Items {
		id, secret := idAndSecret(c.secretOf(t, &list.Items[i]))
		if seen[id] || secret == "" {
			t.Errorf("%s has no client of its own", list.Items[i].Name)
		}
		seen[id] = true
	}
	if len(seen) != many {
		t.Errorf("%d clients", len(seen))
	}
}
