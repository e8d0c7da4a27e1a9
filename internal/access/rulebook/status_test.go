package rulebook

import (
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// What is wrong with a source is said in one line each: source, rule and why, and what is in force meanwhile.
func TestWarnings(t *testing.T) {
	site, late := serveRules(t), serveRules(t)
	site.answer(200, rulesText("a"))
	late.answer(200, rulesText("z"))
	b, e, _ := bookOf(t, fast(site.URL, late.URL))
	if list := b.Warnings(); len(list) > 0 {
		t.Fatal(list)
	}
	says := func(words ...string) bool {
		text := strings.Join(b.Warnings(), "\n")
		for _, word := range words {
			if !strings.Contains(text, word) {
				return false
			}
		}
		return true
	}
	site.answer(200, strings.Replace(rulesText("a", "b"), `"handler":"allow"`, `"handler":"unheard-of","config":{"password":"hush"}`, 1))
	testkit.Eventually(t, "a bad update is told", func() bool { return says(site.URL, "refused: rule a: authorizer.handler", "in force are the rules of") })
	late.answer(500, "")
	testkit.Eventually(t, "a source that fails is told", func() bool {
		return says(late.URL, "cannot be read: the server answers 500", "in force are the rules of")
	})
	if text := strings.Join(b.Warnings(), "\n"); strings.Contains(text, "hush") || strings.Contains(text, "?") || ids(e) != "a z" || b.Ready() != nil {
		t.Errorf("%s; in force are %s, %v", text, ids(e), b.Ready())
	}
	site.answer(200, rulesText("a", "b"))
	late.answer(200, rulesText("z"))
	testkit.Eventually(t, "all is well", func() bool { return len(b.Warnings()) == 0 })
}

func TestWarningsOfASourceThatNeverWasRead(t *testing.T) {
	site := serveRules(t)
	site.answer(500, "")
	b, _, _ := bookOf(t, fast(inline(rulesText("a")), site.URL))
	if list := b.Warnings(); len(list) != 2 || !strings.Contains(list[0], "these rules wait") || !strings.Contains(list[1], "none of its rules are in force") {
		t.Error(list)
	}
}
