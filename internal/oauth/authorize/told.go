package authorize

import (
	"context"
	"strconv"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
)

// tell adds to a write what the activity log is told of it, complete: requests share the transaction.
func (s *Store) tell(ctx context.Context, w *write, e activity.Event) error {
	e, err := activity.Complete(ctx, s.o.Now(), e)
	if err == nil {
		w.events = append(w.events, e)
	}
	return err
}

// granted is the event of a consent for which somebody was asked. What was granted before, or needs no consent, is no decision.
func granted(c *consent) activity.Event {
	return activity.Event{
		Action: activity.ConsentGranted, Actor: activity.Identity(c.Subject), Subject: activity.Client(c.ClientID),
		Detail: map[string]string{"consent": c.ID, "scope": strings.Join(c.Scope, " "), "remembered": strconv.FormatBool(c.Remembered)},
	}
}

// decided is the event of an answer that is a refusal, or that somebody has signed in at a login app of others, and false where it is none.
func decided(f *Flow, answer any) (e activity.Event, ok bool) {
	var why *Refusal
	switch a := answer.(type) {
	case *LoginAnswer:
		if a.Refused == nil && a.Elsewhere && !f.Begun.Skip {
			who := activity.Identity(a.Subject)
			return activity.Event{
				Action: activity.LoginSucceeded, Actor: who, Subject: who, Detail: map[string]string{"flow": f.ID, "client": f.request().ClientID},
			}, true
		}
		e.Action, why = activity.LoginRefused, a.Refused
	case *ConsentAnswer:
		e.Action, why = activity.ConsentDenied, a.Refused
		if f.SignedIn != nil {
			e.Actor = activity.Identity(f.SignedIn.Subject)
		}
	}
	if why == nil {
		return e, false
	}
	e.Subject, e.Detail = activity.Client(f.request().ClientID), map[string]string{"flow": f.ID, "error": why.Error}
	return e, true
}
