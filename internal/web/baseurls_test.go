package web

import (
	"context"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

func TestBaseURLsOfTenants(t *testing.T) {
	tenants := tenant.Config{
		{ID: "first", Hosts: []string{"Internal.example.com", "id.example.com"}}, {ID: "second", Hosts: []string{"Login.ACME.example.", "other.acme.example"}},
		{ID: "quiet"}, {ID: "below", PathPrefix: "/t/below"},
	}
	for own, want := range map[string]map[tenant.ID]string{
		"https://id.example.com/auth/": {
			"first": "https://id.example.com/auth/", "second": "https://login.acme.example/auth/", "quiet": "https://id.example.com/auth/",
			"below": "https://id.example.com/auth/t/below/", "": "https://id.example.com/auth/", "unknown": "https://id.example.com/auth/",
		},
		"http://localhost:4444/": {"first": "http://internal.example.com:4444/", "second": "http://login.acme.example:4444/", "quiet": "http://localhost:4444/", "below": "http://localhost:4444/t/below/"},
	} {
		base, err := ParseBaseURL(own)
		if err != nil {
			t.Fatal(err)
		}
		b := NewBaseURLs(base, tenant.NewDirectory(tenants, base.Host()))
		for id, address := range want {
			ctx := tenant.With(context.Background(), id)
			if got := b.Of(ctx).String(); got != address {
				t.Errorf("%s of %q: %s, want %s", own, id, got, address)
			}
			if again, err := ParseBaseURL(address); err != nil || again != b.Of(ctx) || b.Join(ctx, "/x") != address+"x" {
				t.Errorf("%s is not read again: %v", address, err)
			}
		}
		if b.Secure() != base.Secure() || b.Path(t.Context(), "/x") != base.Path("/x") || b.CookiePath(t.Context()) != base.CookiePath() {
			t.Errorf("%s: what tenants share", own)
		}
		below := tenant.With(context.Background(), "below")
		if p := base.Prefix() + "/t/below"; b.CookiePath(below) != p || b.Path(below, "/x") != p+"/x" || !b.Shared(below) || b.Shared(tenant.With(below, "second")) {
			t.Errorf("%s: below a prefix: %s", own, b.CookiePath(below))
		}
		if got := NewBaseURLs(base, nil).Of(tenant.With(context.Background(), "second")); got != base {
			t.Errorf("without tenants: %s", got)
		}
	}
	six := mustBase("https://id.example.com/")
	if got := NewBaseURLs(six, tenant.NewDirectory(tenant.Config{{ID: "six", Hosts: []string{"2001:db8::1"}}}, six.Host())).Of(tenant.With(context.Background(), "six")); got.String() != "https://[2001:db8::1]/" {
		t.Errorf("an address: %s", got)
	}
	if !NewBaseURLs(BaseURL{}, tenant.NewDirectory(tenants, "")).Of(context.Background()).IsZero() {
		t.Error("something out of nothing")
	}
}
