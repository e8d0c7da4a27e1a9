package authz

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
)

// KetoSettings are the settings of the authorizer keto_engine_acp_ory.
type KetoSettings struct {
	// BaseURL is Keto's.
	BaseURL string `json:"base_url"`
	// RequiredAction, RequiredResource and Subject are templates. Without Subject it is who asks.
	RequiredAction   string `json:"required_action"`
	RequiredResource string `json:"required_resource"`
	Subject          string `json:"subject"`
	// Flavor is regex, glob or exact. Default: regex.
	Flavor string `json:"flavor"`
}

// keto asks Ory Keto's engine of access control policies.
type keto struct {
	o                         Options
	url                       string
	action, resource, subject *access.Template // subject may be nil
}

func (o Options) newKeto(from access.Settings) (access.Authorizer, error) {
	s := KetoSettings{Flavor: "regex"}
	if err := from.Decode(&s); err != nil {
		return nil, err
	}
	if err := fetch.CheckURL(s.BaseURL); err != nil {
		return nil, fmt.Errorf("base_url: %w", err)
	}
	if !slices.Contains([]string{"regex", "glob", "exact"}, s.Flavor) {
		return nil, fmt.Errorf("flavor: %q is not one of regex, glob, exact", s.Flavor)
	}
	base, err := url.Parse(s.BaseURL)
	if err != nil {
		return nil, errors.New("base_url: cannot be parsed")
	}
	k := &keto{o: o, url: base.JoinPath("/engines/acp/ory", s.Flavor, "/allowed").String()}
	for _, t := range []struct {
		path, text string
		to         **access.Template
	}{{"required_action", s.RequiredAction, &k.action}, {"required_resource", s.RequiredResource, &k.resource}, {"subject", s.Subject, &k.subject}} {
		if t.text == "" {
			if t.path != "subject" {
				return nil, fmt.Errorf("%s: is missing", t.path)
			}
			continue
		}
		if *t.to, err = access.NewTemplate(t.text); err != nil {
			return nil, fmt.Errorf("%s: %w", t.path, err)
		}
	}
	return k, nil
}

// ketoQuestion is what Keto is asked.
type ketoQuestion struct {
	Action   string      `json:"action"`
	Context  ketoContext `json:"context"`
	Resource string      `json:"resource"`
	Subject  string      `json:"subject"`
}

type ketoContext struct {
	RemoteIPAddress string    `json:"remoteIpAddress"`
	RequestedAt     time.Time `json:"requestedAt"`
}

// Authorize asks whether the subject may.
func (k *keto) Authorize(ctx context.Context, r *access.Request, p *access.Principal) error {
	q := ketoQuestion{Subject: p.Subject, Context: ketoContext{RequestedAt: k.o.Now()}}
	if r.Client.IsValid() {
		q.Context.RemoteIPAddress = r.Client.String()
	}
	for _, t := range []struct {
		text *access.Template
		to   *string
	}{{k.action, &q.Action}, {k.resource, &q.Resource}, {k.subject, &q.Subject}} {
		if t.text == nil {
			continue
		}
		var err error
		if *t.to, err = t.text.Execute(p); err != nil {
			return err
		}
	}
	body, err := json.Marshal(q)
	if err != nil {
		return err
	}
	answer, err := k.o.asked(ctx, fetch.Question{
		Method: "POST", URL: k.url, Body: body, MaxDelay: 100 * time.Millisecond,
		Header: map[string][]string{contentType: {mediaJSON}},
	})
	if err != nil {
		return err
	}
	var result struct {
		Allowed bool `json:"allowed"`
	}
	if err := json.Unmarshal(answer.Body, &result); err != nil {
		return access.ErrUnavailable.Because(errors.New("keto's answer cannot be read"))
	}
	if !result.Allowed {
		return access.ErrForbidden.Because(errors.New("keto does not allow it: " + strings.Trim(q.Action, " ")))
	}
	return nil
}
