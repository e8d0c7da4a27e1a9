package kube

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"

	oathkeeper "github.com/gatehouse-iam/gatehouse/api/oathkeeper/v1alpha1"
)

// api is an API server: what it says of definitions, and of what it serves.
type api struct {
	client.Reader
	discovery.ServerResourcesInterfaceWithContext

	asked   string // for the last definition
	deleted *metav1.Time
	fails   error
	verbs   metav1.Verbs
}

func (a *api) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	a.asked = key.Name
	into.SetDeletionTimestamp(a.deleted)
	into.SetCreationTimestamp(metav1.Unix(1_700_000_000, 0))
	return a.fails
}

func (a *api) ServerResourcesForGroupVersionWithContext(context.Context, string) (*metav1.APIResourceList, error) {
	return &metav1.APIResourceList{APIResources: []metav1.APIResource{{Kind: "Rule", Verbs: a.verbs}}}, nil
}

// What a definition says goes before what the API server says it serves, which is late. Where the definition may not be read, nothing is
// certain.
func TestDefinitionsAreBelieved(t *testing.T) {
	definitions, now, all := schema.GroupResource{Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions"}, metav1.Now(), metav1.Verbs{"get", "create"}
	for name, c := range map[string]struct {
		api     api
		certain bool
		says    string
	}{
		"all is well":          {api{verbs: all}, true, ""},
		"served after its end": {api{verbs: all, deleted: &now}, false, "is being deleted"},
		"served though gone":   {api{verbs: all, fails: apierrors.NewNotFound(definitions, "")}, false, "does not know the resource Rule"},
		"not served yet":       {api{verbs: metav1.Verbs{"get"}}, true, "is being deleted"},
		"no right":             {api{verbs: all, fails: apierrors.NewForbidden(definitions, "", nil)}, false, ""},
		"no right, and goes":   {api{verbs: metav1.Verbs{"get"}, fails: apierrors.NewForbidden(definitions, "", nil)}, false, "is being deleted"},
		"no answer":            {api{verbs: all, fails: errors.New("the API server is away")}, false, "is away"},
	} {
		made, err := serves(t.Context(), &c.api, &c.api, oathkeeper.GroupVersion.WithKind("Rule"))
		if made.Equal(time.Unix(1_700_000_000, 0)) != c.certain || (err != nil) != (c.says != "") || err != nil && !strings.Contains(err.Error(), c.says) || c.api.asked != "rules.oathkeeper.ory.sh" {
			t.Errorf("%s: of %s it is said %v (made: %v), and not %q (%v)", name, c.api.asked, err, made, c.says, c.certain)
		}
	}
}
