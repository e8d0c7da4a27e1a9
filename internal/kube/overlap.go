package kube

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	hydra "github.com/gatehouse-iam/gatehouse/api/hydra/v1alpha1"
)

// endOverdue ends the secrets before the present one when their time is over. That comes first, and does not wait until whatever else is
// wrong with the resource or its Secret is mended: a secret that leaked would open as long as that takes. Where the server was changed
// since it was told, the secret that applications have may be one of those before, so it is told again first.
func (c *Clients) endOverdue(ctx context.Context, of *hydra.OAuth2Client) error {
	until, id := of.Status.SecretOverlapUntil, of.Status.ClientID
	at, known := c.Config.remembered(of.Status.Server)
	if until == nil || c.Now().Before(until.Time) || !known {
		return nil
	}
	there, err := c.admin.get(ctx, at, id)
	if err != nil {
		return explain(codeUpdate, at, err)
	}
	if there == nil || there.Owner != ownerOf(of) || there.UpdatedAt != of.Status.Applied.UpdatedAt {
		return nil
	}
	ended, err := c.admin.endRotated(ctx, at, id)
	if err != nil {
		return explain(codeUpdate, at, err)
	}
	of.Status.Applied.UpdatedAt, of.Status.SecretOverlapUntil = ended.UpdatedAt, nil
	return nil
}

// adopt gives the client the secret that somebody put into the Secret; the one before stays valid for the overlap.
func (w *work) adopt(ctx context.Context) error {
	last, until := w.status.SecretOverlapUntil, metav1.NewTime(w.now.Add(w.overlap()))
	// Written down first: if this is cut off, the one before comes to its end all the same.
	if err := w.overlapUntil(ctx, &until); err != nil {
		return err
	}
	answer, err := w.admin.rotateTo(ctx, w.at, w.id(), w.found.secret)
	if err != nil {
		return w.unadopted(ctx, last, err)
	}
	w.client.UpdatedAt, w.status.Applied.UpdatedAt = answer.UpdatedAt, answer.UpdatedAt
	switch answer.Secret {
	case w.found.secret:
		w.status.SecretRotatedAt = &metav1.Time{Time: w.now}
		w.say("SecretChanged", "Rotate", "client %s has the secret that was put into Secret %s; the one before is valid until %s", w.id(), w.spec.SecretName, clock(until.Time))
	case "": // something else in the Secret was changed
		if err := w.overlapUntil(ctx, last); err != nil {
			return err
		}
	default: // a server that takes none: it is told the whole client, which ends all other secrets
		w.status.Applied.UpdatedAt = ""
		return nil
	}
	w.status.Applied.SecretVersion = w.found.version
	if w.body.SecretExpiresAt != 0 {
		w.status.Applied.UpdatedAt = "" // a new secret has no end: tell it
	}
	return nil
}

// unadopted says why a secret was not taken. Where the server refused it, no overlap has begun: one that runs ends when it was to, and not
// later with each attempt.
func (w *work) unadopted(ctx context.Context, last *metav1.Time, err error) error {
	fail := explain(codeUpdate, w.at, err)
	if fail.reason != reasonRejected {
		return fail
	}
	if err := w.overlapUntil(ctx, last); err != nil {
		return err
	}
	return fail
}

// overlapUntil writes down when the secrets before the present one end, and nothing else of the status.
func (w *work) overlapUntil(ctx context.Context, until *metav1.Time) error {
	next := w.of.DeepCopy()
	next.Status.SecretOverlapUntil = until
	err := w.save(ctx, next, w.of)
	w.status.SecretOverlapUntil = until
	return err
}
