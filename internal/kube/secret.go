package kube

import (
	"context"
	"fmt"
	"time"

	core "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	hydra "github.com/gatehouse-iam/gatehouse/api/hydra/v1alpha1"
)

// madeAtKey is the annotation of a Secret that says when its client secret was made.
const madeAtKey = "hydra.ory.sh/secret-made-at"

// readSecret reads the one Secret that the resource names, past the cache: that holds names and versions of Secrets, and no content.
func (c *Clients) readSecret(ctx context.Context, of *hydra.OAuth2Client) (*core.Secret, *credentials, error) {
	var s core.Secret
	err := c.Live.Get(ctx, types.NamespacedName{Namespace: of.Namespace, Name: of.Spec.SecretName}, &s)
	if apierrors.IsNotFound(err) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("reading Secret %s: %w", of.Spec.SecretName, err)
	}
	return &s, c.contents(&s, of), nil
}

func (c *Clients) contents(s *core.Secret, of *hydra.OAuth2Client) *credentials {
	madeAt, err := time.Parse(time.RFC3339, s.Annotations[madeAtKey])
	if err != nil {
		madeAt = s.CreationTimestamp.Time
	}
	return &credentials{
		id: string(s.Data[c.Config.IDKey]), secret: string(s.Data[c.Config.SecretKey]), version: string(s.UID) + "/" + s.ResourceVersion,
		ours: metav1.IsControlledBy(s, of), madeAt: madeAt,
	}
}

// writeSecret makes the Secret, or puts new credentials into ours. It never changes one that others made.
func (c *Clients) writeSecret(ctx context.Context, of *hydra.OAuth2Client, there *core.Secret, made *credentials) (*core.Secret, error) {
	s := &core.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name: of.Spec.SecretName, Namespace: of.Namespace, Labels: map[string]string{"app.kubernetes.io/managed-by": name},
		},
		Type: core.SecretTypeOpaque,
	}
	if there != nil {
		s = there.DeepCopy() // with its resource version: who changed it meanwhile wins, and is read
	}
	if s.Annotations == nil {
		s.Annotations = map[string]string{}
	}
	s.Annotations[madeAtKey] = made.madeAt.UTC().Format(time.RFC3339)
	if s.Data == nil {
		s.Data = map[string][]byte{}
	}
	s.Data[c.Config.IDKey] = []byte(made.id)
	if made.secret != "" {
		s.Data[c.Config.SecretKey] = []byte(made.secret)
	}
	if there != nil {
		return s, c.Kube.Update(ctx, s)
	}
	if err := controllerutil.SetControllerReference(of, s, c.Kube.Scheme()); err != nil {
		return nil, err
	}
	return s, c.Kube.Create(ctx, s)
}

// changedMeanwhile reports whether a write was refused because somebody else was first.
func changedMeanwhile(err error) bool {
	return apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err)
}

// bySecret is the index of resources by the Secret that they name.
const bySecret = "spec.secretName"

func indexSecret(o client.Object) []string {
	if of, ok := o.(*hydra.OAuth2Client); ok {
		return []string{of.Spec.SecretName}
	}
	return nil
}
