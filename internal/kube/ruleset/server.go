package ruleset

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"maps"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/kube"
	"github.com/gatehouse-iam/gatehouse/internal/spell"
)

// look asks the server what it has, where that was not done for a while.
func (s *Sets) look(ctx context.Context, tenant string, h *held) error {
	if h.seen != nil && s.Now().Sub(h.lookedAt) < min(lookEvery, s.Config.Resync) {
		return nil
	}
	now, err := s.API.Look(ctx, tenant)
	if err != nil {
		return err
	}
	if h.seen != nil && h.sent != nil && (now.ETag != h.seen.ETag || now.Rules != h.seen.Rules) {
		s.Log.Warn("somebody changed the access rules on the server: they are sent again", "tenant", tenant, "set", s.Config.Set)
		s.figures.repaired.Inc()
		h.digest = [sha256.Size]byte{}
	}
	h.seen, h.lookedAt, h.strategy = &now, s.Now(), cmp.Or(now.Strategy, defaultStrategy)
	return nil
}

// send sends the set, unless it is what was sent last. again tells that something was learned that leads to another set.
func (s *Sets) send(ctx context.Context, tenant string, h *held, kept []*item) (again bool, err error) {
	body := document(kept)
	digest := sha256.Sum256(body)
	if h.sent != nil && digest == h.digest || h.sent == nil && len(kept) == 0 && h.seen.Rules == 0 {
		return false, nil
	}
	now, inForce, notes, err := s.API.Put(ctx, tenant, *h.seen, body)
	if refused, ok := errors.AsType[*kube.ErrRulesRefused](err); ok {
		s.figures.sent("refused")
		if !h.reject(kept, refused.Faults) {
			return false, err
		}
		return true, nil
	}
	if errors.Is(err, kube.ErrRulesChanged) {
		s.figures.sent("changed")
		h.lookedAt = time.Time{} // that somebody changed it is seen then
		return true, nil
	}
	if err != nil {
		s.figures.sent("failed")
		h.seen, h.digest = nil, [sha256.Size]byte{} // whether it was done is not known
		return false, err
	}
	s.figures.sent("done")
	h.seen, h.digest, h.inForce, h.notes = &now, digest, inForce, strings.Join(notes, "; ")
	h.lookedAt, h.sent, h.before = s.Now(), make(map[string][sha256.Size]byte, len(kept)), nil
	for _, i := range kept {
		h.sent[i.Rule.ID] = i.sum
	}
	s.Log.Info("access rules were sent", "tenant", tenant, "set", s.Config.Set, "rules", len(kept), "in_force", inForce)
	return false, nil
}

// reject remembers which of the rules the server refused; false says that it named none of them.
func (h *held) reject(kept []*item, faults []kube.RuleFault) (some bool) {
	place := make(map[string]int, len(kept))
	for n, i := range kept {
		place[i.Rule.ID] = n
	}
	rejected := maps.Clone(h.rejected)
	if rejected == nil {
		rejected = map[[sha256.Size]byte]string{}
	}
	for _, f := range faults {
		n, ours := place[f.Rule]
		m, othersOurs := place[f.Other]
		if othersOurs && (!ours || m > n) { // of two that do not go together, the older one stays
			n, ours = m, true
		}
		if !ours {
			continue
		}
		text := f.Message
		if f.Path != "" {
			text = f.Path + ": " + text
		}
		if n == m && othersOurs {
			text = "the server's rule " + f.Rule + " " + text
		}
		if before := rejected[kept[n].sum]; before != "" {
			text = before + "; " + text
		}
		rejected[kept[n].sum], some = spell.Short(text, maxWords), true
	}
	h.rejected = rejected
	return some
}

// accept gives the verdict on an item that the server has.
func (i *item) accept(h *held) {
	warning := i.verdict.Message
	i.verdict = Verdict{Offer: i.Offer, Reason: InForce, Message: "the server decides by this rule"}
	if warning != "" {
		i.verdict.Message += "; mind that " + warning
	}
	if !h.inForce {
		i.verdict.Reason, i.verdict.Message = NotInForce, h.notes
	}
}

// postponedError is why a set is not sent now.
type postponedError struct{ cause error }

func (e postponedError) Error() string {
	return "no rules are sent now: " + e.cause.Error() + "; if that kind is wanted no more, have the controller leave it alone: --no-rules, or no --apirule-route"
}

func (e postponedError) Unwrap() error { return e.cause }

// unsent gives verdicts where the server was not told: what it was told before stays in force as it was.
func unsent(h *held, items []*item, err error) {
	reason := ServerUnreachable
	if known, ok := kube.ReasonOf(err); ok {
		reason = Reason(known)
	} else if _, refused := errors.AsType[*kube.ErrRulesRefused](err); refused {
		reason = RuleRejected
	} else if _, waits := errors.AsType[postponedError](err); waits {
		reason = NotInForce
	}
	for _, i := range items {
		if sum, sent := h.sent[i.Rule.ID]; sent && sum == i.sum {
			i.accept(h)
		} else {
			i.refuse(reason, err.Error())
		}
	}
}
