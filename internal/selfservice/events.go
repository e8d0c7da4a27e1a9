package selfservice

import (
	"context"
	"maps"
	"strconv"

	"github.com/gatehouse-iam/gatehouse/internal/activity"
	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/session"
)

// Note has an event written in the transaction that saves the flow.
func (f *Flow) Note(e activity.Event) { f.events = append(f.events, e) }

// About says whose account a submission is about, as far as the method knows, whether or not the proof is right. It is told to
// nobody but the activity log.
func (f *Flow) About(identityID string) { f.about = identityID }

// events tells the changes in the words of the activity log. Who acts is who has proven to be the one.
func (w Writes) events() []activity.Event {
	var all []activity.Event
	tell := func(action activity.Action, who string, detail map[string]string) {
		all = append(all, activity.Event{Action: action, Actor: activity.Identity(who), Subject: activity.Identity(who), Detail: detail})
	}
	by := func(more ...string) map[string]string {
		detail := map[string]string{}
		if w.Flow != nil {
			detail["flow"], detail["method"] = string(w.Flow.Kind), w.Flow.Active
		}
		for i := 0; i+1 < len(more); i += 2 {
			detail[more[i]] = more[i+1]
		}
		return detail
	}
	if w.Create != nil {
		tell(activity.IdentityRegistered, w.Create.ID, by("schema", w.Create.SchemaID))
	}
	if w.Insert != nil && w.Flow != nil && w.Flow.Kind == KindRecovery {
		tell(activity.IdentityRecovered, w.Insert.IdentityID, by())
	}
	for _, s := range []*session.Session{w.Insert, w.Change} {
		if s != nil {
			tell(activity.LoginSucceeded, s.IdentityID, by("session", s.ID, "aal", s.AAL))
		}
	}
	if w.Update != nil {
		tell(updated(w.Update), w.Update.ID, merged(by(), w.Update.Changed()))
	}
	for _, v := range w.Verified {
		tell(activity.IdentityVerified, v.IdentityID, by("via", v.Via))
	}
	if w.RevokeAll != "" {
		tell(activity.SessionsRevoked, w.RevokeAll, by("kept", strconv.FormatBool(w.RevokeBut != "" || w.Insert != nil)))
	}
	return all
}

// updated says whether a person changed what they sign in with, or what is known of them.
func updated(who *identity.Identity) activity.Action {
	changed := who.Changed()
	if changed["credentials"] != "" {
		return activity.CredentialChanged
	}
	if changed["credentials_removed"] != "" {
		return activity.CredentialRemoved
	}
	return activity.IdentityUpdated
}

func merged(a, b map[string]string) map[string]string {
	maps.Copy(a, b)
	return a
}

// noteFailure notes a proof that was wrong. What was typed stays out of it.
func (h *Handler) noteFailure(f *Flow, in *Submission, err error) {
	e := activity.Event{Detail: map[string]string{"method": in.Method}}
	switch {
	case !attempted(err):
		return
	case f.Kind == KindLogin:
		e.Action = activity.LoginFailed
	case f.Kind == KindRecovery && (in.Has(fieldCode) || in.Has(fieldToken)):
		e.Action = activity.RecoveryFailed
	default:
		return
	}
	who := f.about
	if sent := f.Internal.Code; who == "" && sent != nil {
		who = sent.IdentityID
	}
	if in.Session != nil {
		e.Actor = activity.Identity(in.Session.IdentityID)
		if who == "" {
			who = in.Session.IdentityID
		}
	}
	if who != "" {
		e.Subject = activity.Identity(who)
	}
	told := h.failure(f, in, err)
	e.Detail["reason"] = told.Reason
	if told.MessageID != 0 {
		e.Detail["message"] = strconv.FormatInt(int64(told.MessageID), 10)
	}
	f.Note(e)
}

// record writes what a flow that is not saved has to tell. A login that was refused stays refused when that fails.
func (h *Handler) record(ctx context.Context, f *Flow) {
	if err := h.Store.Record(ctx, f); err != nil && h.Log != nil {
		h.Log.ErrorContext(ctx, "an event could not be written down", "flow", string(f.Kind), "error", err)
	}
}
