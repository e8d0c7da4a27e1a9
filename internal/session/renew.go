package session

import (
	"slices"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// tokenKind stands in every session token: gh_st_….
const tokenKind = "st"

// New makes the session of somebody who has just proved who they are, and its token, which is nowhere but in this answer.
// It runs no statement: Insert or InsertIn stores the session. Whether the identity may sign in is for the caller to ask. who was
// read to prove them: the session opens nothing if the credential was replaced since then, or all sessions were ended.
func (s *Store) New(who *identity.Identity, methods []AuthMethod, c Client, now time.Time) (*Session, string) {
	made := &Session{
		ID: secret.NewID(), Active: true, IssuedAt: now, AuthenticatedAt: now, ExpiresAt: now.Add(s.config.Lifespan),
		Identity: who, IdentityID: who.ID, epoch: new(who.SessionEpoch), Methods: completed(methods, now), Devices: []Device{},
	}
	made.AAL = level(made.Methods)
	made.seen(c)
	token, digest := s.tokens.New(tokenKind)
	made.digest = digest
	return made, token
}

// Renew notes that the person of the session proved once more who they are: with a second factor, or anew. The session
// gets a new lifespan and a new token, so that whoever knew the old one does not rise along (session fixation). It runs
// no statement: Update or UpdateIn stores it, and fails where the session was revoked or renewed since it was read, or the
// credential replaced since who was read, to prove them.
func (s *Store) Renew(old *Session, who *identity.Identity, methods []AuthMethod, c Client, now time.Time) (token string) {
	old.Methods = append(slices.Clip(old.Methods), completed(methods, now)...)
	if over := len(old.Methods) - maxMethods; over > 0 {
		old.Methods = slices.Delete(slices.Clone(old.Methods), 1, 1+over) // the first is what the session began with
	}
	old.AAL = max(level(old.Methods), old.AAL)
	old.AuthenticatedAt, old.proven = now, who.SessionEpoch
	old.ExpiresAt = latest(old.ExpiresAt, s.until(old, now))
	old.seen(c)
	if old.former == "" {
		old.former = old.digest
	}
	token, old.digest = s.tokens.New(tokenKind)
	return token
}

// maxMethods bounds what a session remembers of its proofs.
const maxMethods = 30

// completed gives each method the time at which it was completed.
func completed(methods []AuthMethod, now time.Time) []AuthMethod {
	list := slices.Clone(methods)
	if list == nil {
		list = []AuthMethod{}
	}
	for i := range list {
		if list[i].CompletedAt.IsZero() {
			list[i].CompletedAt = now
		}
	}
	return list
}

// until is the end of a session that is extended at now.
func (s *Store) until(old *Session, now time.Time) time.Time {
	end := now.Add(s.config.Lifespan)
	if s.config.MaxLifespan > 0 {
		if last := old.IssuedAt.Add(s.config.MaxLifespan); last.Before(end) {
			return last
		}
	}
	return end
}

// extensible tells whether it is late enough to extend the session, and whether that would change anything.
func (s *Store) extensible(old *Session, now time.Time, window time.Duration) bool {
	if window > 0 && now.Before(old.ExpiresAt.Add(-window)) {
		return false
	}
	return s.until(old, now).After(old.ExpiresAt)
}

// slides tells whether a session that is used at now is to be extended by itself.
func (s *Store) slides(old *Session, now time.Time) bool {
	window := s.config.EarliestPossibleExtend
	if window <= 0 || window >= s.config.Lifespan {
		window = s.config.Lifespan / 2 // else each request would write
	}
	return s.config.Sliding && s.extensible(old, now, window)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
