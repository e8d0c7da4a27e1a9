package rulebook

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// BenchmarkChangeOfOne is what it takes to send a set of ten thousand rules of which one is another, until it is in force.
func BenchmarkChangeOfOne(b *testing.B) {
	one := replicas(b, testkit.SQLite(b, "management"), 1)[0]
	mux := web.NewMux(web.HydraErrors, web.Options{MaxBody: 16 << 20, Bare: "/admin"})
	(&Admin{Book: one.book, Engine: one.engine, SessionCookie: "sess"}).MountAdmin(mux)
	rules := make([]string, 10_000)
	for i := range rules {
		rules[i] = strings.Replace(ruleText(fmt.Sprintf("rule-%05d", i), fmt.Sprintf("/orders-%d/<[0-9]+>/<.*>", i)), "app.", fmt.Sprintf("host-%d.", i%100), 1)
	}
	send := func() {
		r := httptest.NewRequest("PUT", "/admin/rules?set=team", bytes.NewReader([]byte("["+strings.Join(rules, ",")+"]")))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		if w.Code != 200 {
			b.Fatal(w.Body)
		}
	}
	send()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		rules[4711] = ruleText("rule-04711", fmt.Sprint("/changed-", i))
		send()
	}
}
