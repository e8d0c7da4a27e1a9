package kube

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	hydra "github.com/gatehouse-iam/gatehouse/api/hydra/v1alpha1"
	"github.com/gatehouse-iam/gatehouse/test/process"
)

// machine is a client that gets tokens for itself.
func machine(namespace, name string) *hydra.OAuth2Client {
	return &hydra.OAuth2Client{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       hydra.OAuth2ClientSpec{GrantTypes: []hydra.GrantType{"client_credentials"}, ScopeArray: []string{"read"}, SecretName: name + "-credentials"},
	}
}

func (c *cluster) create(t *testing.T, o client.Object) {
	t.Helper()
	if err := c.Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

// change changes a resource, again where the controller was first.
func change[O client.Object](t *testing.T, c *cluster, of O, how func(O)) {
	t.Helper()
	eventually(t, func() (bool, string) {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(of), of); err != nil {
			t.Fatal(err)
		}
		how(of)
		err := c.Update(t.Context(), of)
		if err != nil && !apierrors.IsConflict(err) {
			t.Fatal(err)
		}
		return err == nil, fmt.Sprint(err)
	})
}

// becomes waits until the condition Ready of the resource's present generation has a reason, and reads the resource.
func (c *cluster) becomes(t *testing.T, of *hydra.OAuth2Client, reason string) *metav1.Condition {
	t.Helper()
	var ready *metav1.Condition
	eventually(t, func() (bool, string) {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(of), of); err != nil {
			t.Fatal(err)
		}
		ready = meta.FindStatusCondition(of.Status.Conditions, hydra.Ready)
		return ready != nil && ready.Reason == reason && ready.ObservedGeneration == of.Generation, fmt.Sprintf("%+v", ready)
	})
	if want := reason == "Registered"; (ready.Status == metav1.ConditionTrue) != want || (of.Status.ReconciliationError.StatusCode == "") != want {
		t.Fatalf("reason %s has status %s and error %+v", reason, ready.Status, of.Status.ReconciliationError)
	}
	return ready
}

// secretOf reads the Secret that a resource names; nil when there is none.
func (c *cluster) secretOf(t *testing.T, of *hydra.OAuth2Client) *core.Secret {
	t.Helper()
	var s core.Secret
	err := c.Get(t.Context(), types.NamespacedName{Namespace: of.Namespace, Name: of.Spec.SecretName}, &s)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return &s
}

func idAndSecret(s *core.Secret) (id, secret string) {
	return string(s.Data["CLIENT_ID"]), string(s.Data["CLIENT_SECRET"])
}

// gone waits until a resource is deleted.
func (c *cluster) gone(t *testing.T, of *hydra.OAuth2Client) {
	t.Helper()
	eventually(t, func() (bool, string) {
		err := c.Get(t.Context(), client.ObjectKeyFromObject(of), of)
		return apierrors.IsNotFound(err), fmt.Sprint(err)
	})
}

func (c *cluster) remove(t *testing.T, of *hydra.OAuth2Client) {
	t.Helper()
	if err := c.Delete(t.Context(), of); err != nil {
		t.Fatal(err)
	}
	c.gone(t, of)
}

// From a resource to a token, through a change, to nothing left.
func TestClientLifecycle(t *testing.T) {
	c, s := open(t), process.Start(t, process.Options{})
	namespace := c.namespace(t)
	k := c.control(t, namespace, s.Admin)
	of := machine(namespace, "orders")
	c.create(t, of)
	c.becomes(t, of, "Registered")
	made := c.secretOf(t, of)
	id, secret := idAndSecret(made)
	if id != of.Status.ClientID || !opens(t, s.Public, id, secret) {
		t.Fatalf("the Secret of client %q opens nothing for %q", of.Status.ClientID, id)
	}
	if !metav1.IsControlledBy(made, of) {
		t.Error("the Secret does not go with its resource: it has no owner")
	}
	if owner := registered(t, s, id)["owner"]; owner != "orders/"+namespace {
		t.Errorf("the client's owner is %v", owner)
	}

	change(t, c, of, func(of *hydra.OAuth2Client) { of.Spec.ScopeArray = []string{"read", "write"} })
	c.becomes(t, of, "Registered")
	if scope := registered(t, s, id)["scope"]; scope != "read write" {
		t.Errorf("the scope is %v after the resource was changed", scope)
	}
	if after := c.secretOf(t, of); after.ResourceVersion != made.ResourceVersion || !opens(t, s.Public, id, secret) {
		t.Error("the change touched the secret")
	}

	c.remove(t, of)
	if registered(t, s, id) != nil || opens(t, s.Public, id, secret) {
		t.Error("the client is there after its resource was deleted")
	}
	process.NoSecrets(t, k.output.String(), secret)
}

// Public clients and those that sign have no secret, and can get and lose one.
func TestClientsWithoutSecret(t *testing.T) {
	c, s := open(t), process.Start(t, process.Options{})
	namespace := c.namespace(t)
	c.control(t, namespace, s.Admin)
	of := machine(namespace, "app")
	of.Spec.GrantTypes = []hydra.GrantType{"authorization_code", "client_credentials"}
	of.Spec.RedirectURIs = []hydra.RedirectURI{"https://app.example.com/callback"}
	of.Spec.TokenEndpointAuthMethod = hydra.AuthNone
	c.create(t, of)
	c.becomes(t, of, "Registered")
	if id, secret := idAndSecret(c.secretOf(t, of)); id != of.Status.ClientID || secret != "" {
		t.Fatalf("a public client has id %q and a secret of %d bytes", id, len(secret))
	}
	change(t, c, of, func(of *hydra.OAuth2Client) { of.Spec.TokenEndpointAuthMethod = hydra.AuthSecretBasic })
	c.becomes(t, of, "Registered")
	if id, secret := idAndSecret(c.secretOf(t, of)); !opens(t, s.Public, id, secret) {
		t.Error("a client that got a secret does not open with what is in the Secret")
	}
	change(t, c, of, func(of *hydra.OAuth2Client) { of.Spec.TokenEndpointAuthMethod = hydra.AuthNone })
	c.becomes(t, of, "Registered")
	if id, secret := idAndSecret(c.secretOf(t, of)); opens(t, s.Public, id, secret) {
		t.Error("a client that is public now opens with its old secret")
	}
}

// A Secret that others bring: it is waited for, taken when it comes, followed when it changes, and never written.
func TestSecretOfOthers(t *testing.T) {
	c, s := open(t), process.Start(t, process.Options{})
	namespace := c.namespace(t)
	c.control(t, namespace, s.Admin, "--sync-period", "1h") // so that it is the Secret's change that is followed
	of := machine(namespace, "external")
	of.Spec.RequireExistingSecret = true
	c.create(t, of)
	if ready := c.becomes(t, of, "SecretMissing"); !strings.Contains(ready.Message, of.Spec.SecretName) {
		t.Errorf("the condition does not name the Secret: %s", ready.Message)
	}
	if clientsOf(t, s, "external/"+namespace) != nil {
		t.Error("a client was registered before its Secret was there")
	}

	theirs := &core.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: of.Spec.SecretName},
		StringData: map[string]string{"CLIENT_ID": "chosen-id", "CLIENT_SECRET": "chosen by somebody else"},
	}
	c.create(t, theirs)
	c.becomes(t, of, "Registered")
	if of.Status.ClientID != "chosen-id" || !opens(t, s.Public, "chosen-id", "chosen by somebody else") {
		t.Fatalf("client %q does not open with the Secret's content", of.Status.ClientID)
	}

	put := func(data map[string]string) {
		t.Helper()
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(theirs), theirs); err != nil {
			t.Fatal(err)
		}
		theirs.Data, theirs.StringData = nil, data
		if err := c.Update(t.Context(), theirs); err != nil {
			t.Fatal(err)
		}
	}
	put(map[string]string{"CLIENT_ID": "chosen-id", "CLIENT_SECRET": "changed by somebody else"})
	eventually(t, func() (bool, string) {
		return opens(t, s.Public, "chosen-id", "changed by somebody else"), "the changed secret opens nothing"
	})

	// Who has the one before has time; nobody made either of them.
	if !opens(t, s.Public, "chosen-id", "chosen by somebody else") {
		t.Error("the secret before ended at once")
	}
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(of), of); err != nil || of.Status.SecretOverlapUntil == nil {
		t.Errorf("the status does not say when the secret before ends: %v", err)
	}

	put(map[string]string{"CLIENT_ID": "chosen-id"})
	c.becomes(t, of, "InvalidSecret")
	put(map[string]string{"CLIENT_ID": "../admin-keys", "CLIENT_SECRET": "chosen by somebody else"})
	eventually(t, func() (bool, string) {
		ready := c.becomes(t, of, "InvalidSecret")
		return strings.Contains(ready.Message, "characters"), ready.Message
	})

	put(map[string]string{"CLIENT_ID": "other-id", "CLIENT_SECRET": "chosen by somebody else"})
	c.becomes(t, of, "Registered")
	eventually(t, func() (bool, string) {
		ids := clientsOf(t, s, "external/"+namespace)
		return slices.Equal(ids, []string{"other-id"}), fmt.Sprint(ids)
	})
	if now := c.secretOf(t, of); now.ResourceVersion != theirs.ResourceVersion {
		t.Error("the controller wrote into a Secret that others made")
	}
}

// Secrets that others change have an overlap as those that the controller changes, as long as the resource says; what changes of a Secret
// besides ends nothing, and neither does a kill in the middle leave a secret behind that never ends.
func TestBroughtSecretOverlap(t *testing.T) {
	c, s := open(t), process.Start(t, process.Options{})
	namespace, b := c.namespace(t), newBetween(t, s)
	k := c.control(t, namespace, b.URL)
	of := machine(namespace, "brought")
	of.Spec.RequireExistingSecret, of.Spec.SecretRotation = true, &hydra.SecretRotation{Overlap: &metav1.Duration{Duration: time.Hour}}
	c.create(t, of)
	theirs := &core.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: of.Spec.SecretName},
		StringData: map[string]string{"CLIENT_ID": "brought", "CLIENT_SECRET": "the first of them"},
	}
	c.create(t, theirs)
	c.becomes(t, of, "Registered")
	bring := func(secret string) {
		t.Helper()
		change(t, c, theirs, func(s *core.Secret) { s.StringData = map[string]string{"CLIENT_SECRET": secret} })
	}
	valid := func(secrets ...string) {
		t.Helper()
		for _, secret := range secrets {
			eventually(t, func() (bool, string) { return opens(t, s.Public, "brought", secret), secret + " opens nothing" })
		}
	}

	change(t, c, theirs, func(s *core.Secret) { s.Labels = map[string]string{"touched": "yes"} })
	eventually(t, func() (bool, string) {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(of), of); err != nil {
			t.Fatal(err)
		}
		seen := string(theirs.UID) + "/" + theirs.ResourceVersion
		return of.Status.Applied.SecretVersion == seen, of.Status.Applied.SecretVersion + " and not " + seen
	})
	if of.Status.SecretOverlapUntil != nil {
		t.Error("a label has begun an overlap")
	}

	bring("the second of them")
	valid("the second of them", "the first of them")

	// Resource and Secret at once, as tools do that apply a directory.
	k.stop()
	change(t, c, of, func(of *hydra.OAuth2Client) { of.Spec.ClientName = "another name" })
	bring("the third of them")
	// And killed when the server knows the new secret, before that can be written down.
	b.once(func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/secrets/rotate") }, func() { k.kill() })
	k.run()
	k.ended()
	k.run()
	valid("the third of them", "the second of them", "the first of them")
	eventually(t, func() (bool, string) {
		name := registered(t, s, "brought")["client_name"]
		return name == "another name", fmt.Sprint(name)
	})

	change(t, c, of, func(of *hydra.OAuth2Client) { of.Spec.SecretRotation.Overlap = &metav1.Duration{} })
	bring("the last of them")
	valid("the last of them")
	for _, former := range []string{"the first of them", "the second of them", "the third of them"} {
		if opens(t, s.Public, "brought", former) {
			t.Errorf("%s opens without an overlap", former)
		}
	}
	process.NoSecrets(t, k.output.String(), "the first of them", "the second of them", "the third of them", "the last of them")
}

// The secret before the present one ends when it was to, whatever becomes of the Secret meanwhile: what leaked must not open for as long
// as nobody mends that.
func TestOverlapEndsWhateverIsWrong(t *testing.T) {
	c, s := open(t), process.Start(t, process.Options{})
	namespace := c.namespace(t)
	c.control(t, namespace, s.Admin)
	of := machine(namespace, "leaked")
	of.Spec.RequireExistingSecret, of.Spec.SecretRotation = true, &hydra.SecretRotation{Overlap: &metav1.Duration{Duration: 5 * time.Second}}
	c.create(t, of)
	synced := func(secret string) *core.Secret {
		return &core.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: of.Spec.SecretName},
			StringData: map[string]string{"CLIENT_ID": "leaked", "CLIENT_SECRET": secret},
		}
	}
	theirs := synced("the one that leaked")
	c.create(t, theirs)
	c.becomes(t, of, "Registered")
	ends := func(former, present string) {
		t.Helper()
		eventually(t, func() (bool, string) { return !opens(t, s.Public, "leaked", former), former + " opens still" })
		if !opens(t, s.Public, "leaked", present) {
			t.Errorf("%s ended with it", present)
		}
	}
	put := func(secret string) {
		t.Helper()
		change(t, c, theirs, func(s *core.Secret) { s.StringData = map[string]string{"CLIENT_SECRET": secret} })
	}

	put("the second of them")
	eventually(t, func() (bool, string) {
		return opens(t, s.Public, "leaked", "the second of them"), "the second opens nothing"
	})
	put("short")
	if ready := c.becomes(t, of, "ClientRejected"); !strings.Contains(ready.Message, "characters") {
		t.Error(ready.Message)
	}
	ends("the one that leaked", "the second of them")
	put("the third of them")
	c.becomes(t, of, "Registered")

	// Some tools delete a Secret and make it anew.
	if err := c.Delete(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	c.becomes(t, of, "SecretMissing")
	ends("the second of them", "the third of them")
	theirs = synced("the third of them")
	c.create(t, theirs)
	c.becomes(t, of, "Registered")
	if of.Status.SecretOverlapUntil != nil || !opens(t, s.Public, "leaked", "the third of them") {
		t.Errorf("the same secret in another Secret began an overlap until %v, or ended the client's", of.Status.SecretOverlapUntil)
	}
	if err := c.Delete(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	change(t, c, of, func(of *hydra.OAuth2Client) { of.Spec.SecretRotation.Overlap = &metav1.Duration{Duration: time.Hour} })
	c.becomes(t, of, "SecretMissing")
	c.create(t, synced("the last of them"))
	c.becomes(t, of, "Registered")
	for _, secret := range []string{"the last of them", "the third of them"} {
		if !opens(t, s.Public, "leaked", secret) {
			t.Errorf("%s does not open after the Secret was made anew", secret)
		}
	}
}

// A Secret that comes after one was made takes its place: the client follows, and the one before is removed.
func TestSecretReplaced(t *testing.T) {
	c, s := open(t), process.Start(t, process.Options{})
	namespace := c.namespace(t)
	c.control(t, namespace, s.Admin)
	of := machine(namespace, "late")
	c.create(t, of)
	c.becomes(t, of, "Registered")
	made := c.secretOf(t, of)
	made.Data, made.StringData = nil, map[string]string{"CLIENT_ID": "late-id", "CLIENT_SECRET": "from an external store"}
	if err := c.Update(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() (bool, string) {
		ids := clientsOf(t, s, "late/"+namespace)
		return slices.Equal(ids, []string{"late-id"}), fmt.Sprint(ids)
	})
	if !opens(t, s.Public, "late-id", "from an external store") {
		t.Error("the client does not open with the Secret that came later")
	}

	// Deleted by mistake, it is made anew for the same client; who still has the old secret has time.
	if err := c.Delete(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	var again *core.Secret
	eventually(t, func() (bool, string) { again = c.secretOf(t, of); return again != nil, "no Secret" })
	id, secret := idAndSecret(again)
	if id != "late-id" || !opens(t, s.Public, id, secret) || !opens(t, s.Public, id, "from an external store") {
		t.Errorf("after its Secret was deleted client %q does not open with the new secret and the old one", id)
	}
}

// The client of another resource, or of nobody, is not taken over by whoever knows its id.
func TestClientOfAnother(t *testing.T) {
	c, s := open(t), process.Start(t, process.Options{})
	namespace := c.namespace(t)
	c.control(t, namespace, s.Admin)
	if code, answer := ask(t, s, http.MethodPost, "/admin/clients", map[string]any{"client_id": "billing", "client_secret": "a secret of billing's", "grant_types": []string{"client_credentials"}}); code != http.StatusCreated {
		t.Fatal(code, answer)
	}
	of := machine(namespace, "thief")
	c.create(t, &core.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: of.Spec.SecretName},
		StringData: map[string]string{"CLIENT_ID": "billing", "CLIENT_SECRET": "a secret of the thief's"},
	})
	c.create(t, of)
	c.becomes(t, of, "ClientBelongsToAnother")
	c.remove(t, of)
	if !opens(t, s.Public, "billing", "a secret of billing's") {
		t.Error("a client was changed or removed that is of nobody's resource")
	}
}

// What is changed or removed on the server comes back.
func TestDriftIsRepaired(t *testing.T) {
	c, s := open(t), process.Start(t, process.Options{})
	namespace := c.namespace(t)
	c.control(t, namespace, s.Admin)
	of := machine(namespace, "drifting")
	c.create(t, of)
	c.becomes(t, of, "Registered")
	id, secret := idAndSecret(c.secretOf(t, of))

	there := registered(t, s, id)
	there["scope"], there["client_secret"] = "everything", "changed behind its back"
	if code, answer := ask(t, s, http.MethodPut, "/admin/clients/"+id, there); code != http.StatusOK {
		t.Fatal(code, answer)
	}
	eventually(t, func() (bool, string) {
		scope := registered(t, s, id)["scope"]
		return scope == "read", fmt.Sprint(scope)
	})
	eventually(t, func() (bool, string) { return opens(t, s.Public, id, secret), "the secret opens nothing" })
	if opens(t, s.Public, id, "changed behind its back") {
		t.Error("the secret that somebody else set opens still")
	}

	if code, answer := ask(t, s, http.MethodDelete, "/admin/clients/"+id, nil); code != http.StatusNoContent {
		t.Fatal(code, answer)
	}
	eventually(t, func() (bool, string) { return opens(t, s.Public, id, secret), "the client did not come back" })
	c.becomes(t, of, "Registered")
}

// A rotated secret is in the Secret at once, and the one before opens until the overlap is over.
func TestSecretRotation(t *testing.T) {
	c, s := open(t), process.Start(t, process.Options{})
	namespace := c.namespace(t)
	c.control(t, namespace, s.Admin)
	of := machine(namespace, "rotating")
	c.create(t, of)
	c.becomes(t, of, "Registered")
	id, first := idAndSecret(c.secretOf(t, of))

	change(t, c, of, func(of *hydra.OAuth2Client) {
		of.Spec.SecretRotation = &hydra.SecretRotation{Request: "today", Overlap: &metav1.Duration{Duration: time.Hour}}
	})
	c.becomes(t, of, "Registered")
	_, second := idAndSecret(c.secretOf(t, of))
	if first == second || !opens(t, s.Public, id, first) || !opens(t, s.Public, id, second) {
		t.Fatal("after a rotation there is not an old secret and a new one that both open")
	}
	if of.Status.SecretOverlapUntil == nil || of.Status.RotationRequest != "today" {
		t.Errorf("the status does not tell of the rotation: %+v", of.Status)
	}

	// The same request is fulfilled once; another one, with an overlap that is over at once, ends what was before.
	change(t, c, of, func(of *hydra.OAuth2Client) {
		of.Spec.SecretRotation.Request, of.Spec.SecretRotation.Overlap = "tomorrow", &metav1.Duration{Duration: time.Second}
	})
	c.becomes(t, of, "Registered")
	_, third := idAndSecret(c.secretOf(t, of))
	eventually(t, func() (bool, string) {
		return !opens(t, s.Public, id, first) && !opens(t, s.Public, id, second), "old secrets still open"
	})
	if _, last := idAndSecret(c.secretOf(t, of)); last != third || !opens(t, s.Public, id, last) {
		t.Error("the secret was rotated again, or does not open")
	}
	if n := len(clientsOf(t, s, "rotating/"+namespace)); n != 1 {
		t.Errorf("%d clients", n)
	}
}
