package rulebook

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/access/rulebook/source"
	"github.com/gatehouse-iam/gatehouse/internal/fetch"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

func inline(text string) string { return "inline://" + base64.StdEncoding.EncodeToString([]byte(text)) }

func TestInlineRulesBelongToTheirTenant(t *testing.T) {
	c := fast(inline(rulesText("a", "b")))
	c.Sources = []source.Config{{URL: inline(ruleText("c", "/c")), Tenant: "acme"}}
	b, e, _ := bookOf(t, c)
	if ids(e) != "a b c" || b.Ready() != nil {
		t.Fatalf("in force are %q, %v", ids(e), b.Ready())
	}
	if s := b.Status(); s[0].Name != "inline://" || s[1].Name != "inline://#2" { // two of one name would break the metrics
		t.Errorf("%+v", s)
	}
	if r := e.Rules(); r[0].Tenant != tenant.Default || r[2].Tenant != "acme" || r[0].Source != "inline://" || r[2].Source != "inline://#2" {
		t.Errorf("%+v", r)
	}
}

func TestNothingIsInForceBeforeEverySourceWasRead(t *testing.T) {
	site := serveRules(t)
	site.answer(500, "")
	b, e, _ := bookOf(t, fast(inline(rulesText("a")), site.URL))
	if ids(e) != "" || b.Ready() == nil || stateOf(b, 0) != SourceWaiting || stateOf(b, 1) != SourceUnreachable {
		t.Fatalf("%q in force, %v, %+v", ids(e), b.Ready(), b.Status())
	}
	site.answer(200, rulesText("b"))
	testkit.Eventually(t, "both are in force", func() bool { return ids(e) == "a b" })
	if b.Ready() != nil || stateOf(b, 0) != SourceLoaded || stateOf(b, 1) != SourceLoaded {
		t.Errorf("%v, %+v", b.Ready(), b.Status())
	}
}

func TestNoSourcesAndNoRulesAreReady(t *testing.T) {
	for _, c := range []Config{fast(), fast(inline("[]"))} {
		b, e, log := bookOf(t, c)
		if b.Ready() != nil || ids(e) != "" {
			t.Errorf("%v, %q", b.Ready(), ids(e))
		}
		if log.String() != "" {
			t.Errorf("servers that have no doors are told of rules: %s", log)
		}
	}
}

// Two sources that are only good apart: the one that came later is refused, the other goes on, and when the reason is
// gone both are loaded.
func TestSourcesAreOneSet(t *testing.T) {
	one, two := serveRules(t), serveRules(t)
	one.answer(200, rulesText("a"))
	two.answer(200, rulesText("b"))
	b, e, log := bookOf(t, fast(one.URL, two.URL))
	if ids(e) != "a b" {
		t.Fatalf("in force are %q: %+v", ids(e), b.Status())
	}
	two.answer(200, rulesText("b", "a"))
	testkit.Eventually(t, "a second rule a is refused", func() bool { return stateOf(b, 1) == SourceRefused })
	if ids(e) != "a b" || stateOf(b, 0) != SourceLoaded || b.Ready() != nil {
		t.Errorf("%q in force, %+v", ids(e), b.Status())
	}
	if s := b.Status()[1]; len(s.Faults) == 0 || !strings.Contains(s.Error, "rule a") || s.Rules != 1 || s.Refusals != 1 {
		t.Errorf("%+v", s)
	}
	if n := strings.Count(log.String(), "access rules refused"); n != 1 {
		t.Errorf("%d times in the log:\n%s", n, log)
	}
	// The first source goes on beside the refused one.
	one.answer(200, rulesText("a", "c"))
	testkit.Eventually(t, "the first source goes on", func() bool { return ids(e) == "a c b" })
	if stateOf(b, 1) != SourceRefused {
		t.Errorf("%+v", b.Status())
	}
	one.answer(200, rulesText("c"))
	testkit.Eventually(t, "what waited is loaded", func() bool { return ids(e) == "c b a" })
	if stateOf(b, 1) != SourceLoaded {
		t.Errorf("%+v", b.Status())
	}
}

func TestAtTheStartWhoIsWrongIsBlamed(t *testing.T) {
	b, e, _ := bookOf(t, fast(inline(rulesText("a")), inline(`[{"id":"broken"}]`), inline(`[{"nonsense":1}]`)))
	if ids(e) != "" || b.Ready() == nil {
		t.Fatalf("%q in force, %v", ids(e), b.Ready())
	}
	if stateOf(b, 0) != SourceWaiting || stateOf(b, 2) != SourceRefused {
		t.Errorf("%+v", b.Status())
	}
	b, e, _ = bookOf(t, fast(inline(rulesText("a")), inline(strings.ReplaceAll(rulesText("b"), `"allow"`, `"unheard-of"`))))
	if ids(e) != "" || stateOf(b, 0) != SourceWaiting || stateOf(b, 1) != SourceRefused {
		t.Errorf("%q in force, %+v", ids(e), b.Status())
	}
}

// What is broken after it waited must not come into force by what it was before.
func TestWhatIsGoneIsNotLoaded(t *testing.T) {
	one, two := serveRules(t), serveRules(t)
	one.answer(200, rulesText("a"))
	two.answer(200, rulesText("b"))
	b, e, _ := bookOf(t, fast(one.URL, two.URL))
	two.answer(200, rulesText("a", "x"))
	testkit.Eventually(t, "it is refused", func() bool { return stateOf(b, 1) == SourceRefused })
	two.answer(200, "[{")
	testkit.Eventually(t, "it is refused as no rules", func() bool { return b.Status()[1].Refusals == 2 })
	one.answer(200, rulesText("c"))
	testkit.Eventually(t, "the first source goes on", func() bool { return strings.HasPrefix(ids(e), "c") })
	if ids(e) != "c b" || stateOf(b, 1) != SourceRefused {
		t.Errorf("%q in force, %+v", ids(e), b.Status())
	}
}

// A source that stays refused must not keep others from what fits.
func TestWhatFitsIsLoadedBesideWhatDoesNot(t *testing.T) {
	one, two, three := serveRules(t), serveRules(t), serveRules(t)
	one.answer(200, rulesText("a"))
	two.answer(200, rulesText("b"))
	three.answer(200, rulesText("c"))
	b, e, _ := bookOf(t, fast(one.URL, two.URL, three.URL))
	two.answer(200, strings.ReplaceAll(rulesText("b"), `"allow"`, `"unheard-of"`))
	three.answer(200, rulesText("c", "a"))
	testkit.Eventually(t, "two are refused", func() bool { return stateOf(b, 1) == SourceRefused && stateOf(b, 2) == SourceRefused })
	one.answer(200, rulesText("d"))
	testkit.Eventually(t, "what waited is loaded", func() bool { return ids(e) == "d b c a" })
	if stateOf(b, 0) != SourceLoaded || stateOf(b, 1) != SourceRefused || stateOf(b, 2) != SourceLoaded {
		t.Errorf("%+v", b.Status())
	}
}

func TestTheLogIsNotFlooded(t *testing.T) {
	var many []string
	for i := range 50 {
		many = append(many, fmt.Sprint("r", i))
	}
	b, _, log := bookOf(t, fast(inline(strings.ReplaceAll(rulesText(many...), `"allow"`, `"unheard-of"`))))
	if n := strings.Count(log.String(), "unheard-of"); n != faultsInLog || !strings.Contains(log.String(), "and 40 more") || len(b.Status()[0].Faults) != 50 {
		t.Errorf("%d faults in the log, %d in the status", n, len(b.Status()[0].Faults))
	}
}

func TestPausesGrow(t *testing.T) {
	s := &tracked{every: 30 * time.Second, most: 300 * time.Second}
	for failures, want := range map[int]time.Duration{0: 30 * time.Second, 1: time.Second, 2: 2 * time.Second, 6: 32 * time.Second, 9: 256 * time.Second, 10: 300 * time.Second, 1000: 300 * time.Second} {
		if got := s.pause(failures); got != want {
			t.Errorf("after %d failures %s, want %s", failures, got, want)
		}
	}
}

func TestSourcesConfigValidate(t *testing.T) {
	good := DefaultConfig()
	good.Repositories = []string{"file:///etc/rules.json", "s3://b/k"}
	good.Sources = []source.Config{
		{URL: "https://example.com/rules", Headers: map[string]secret.String{"X-Key": "v"}, Auth: fetch.AuthConfig{Type: "basic_auth", Config: fetch.AuthValues{User: "u", Password: "p"}}},
		{URL: "s3://b/k", Tenant: "acme", S3: source.S3Config{AccessKeyID: "id", SecretAccessKey: "key"}},
	}
	if faults := good.Validate(); len(faults) != 0 {
		t.Errorf("%v", faults)
	}
	bad := Config{Repositories: []string{"nowhere"}, Sources: []source.Config{
		{URL: "file:///a", Headers: map[string]secret.String{"X-Key": "v"}, Tenant: "No Tenant"},
		{URL: "https://example.com", S3: source.S3Config{AccessKeyID: "id"}},
		{URL: "s3://b/k", S3: source.S3Config{AccessKeyID: "id"}},
	}}
	var text strings.Builder
	for _, f := range bad.Validate() {
		text.WriteString(f.Error() + "\n")
	}
	for _, key := range []string{"repositories[0]: ", "sources[0].headers: ", "sources[0].tenant: ", "sources[1].s3: ", "sources[2].s3: "} {
		if !strings.Contains(text.String(), key) {
			t.Errorf("no fault of %s in\n%s", key, &text)
		}
	}
}
