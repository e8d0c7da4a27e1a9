package ruleset

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	oathkeeper "github.com/gatehouse-iam/gatehouse/api/oathkeeper/v1alpha1"
)

// BenchmarkJudge is what it takes to make the document of ten thousand resources, which is done at each change of one.
func BenchmarkJudge(b *testing.B) {
	objects := make([]*oathkeeper.Rule, 10_000)
	for i := range objects {
		objects[i] = &oathkeeper.Rule{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprintf("rule-%05d", i), CreationTimestamp: metav1.NewTime(time.Unix(int64(i/100), 0))},
			Spec: oathkeeper.RuleSpec{
				Upstream:       &oathkeeper.Upstream{URL: "http://orders.shop.svc:8080"},
				Match:          oathkeeper.Match{URL: fmt.Sprintf("<https?>://host-%d.example.com/orders-%d/<[0-9]+>/<.*>", i%100, i), Methods: []string{"GET"}},
				Authenticators: []oathkeeper.Handler{{Handler: "noop"}}, Authorizer: &oathkeeper.Handler{Handler: "allow"},
			},
		}
	}
	j := &judge{policy: policyOf(b, Config{Unlisted: Any}), strategy: defaultStrategy, source: "api:kubernetes"}
	b.ReportAllocs()
	for b.Loop() {
		kept, err := j.decide(b.Context(), itemsOf(objects...), "")
		if err != nil || len(kept) != len(objects) || len(document(kept)) == 0 {
			b.Fatal(len(kept), err)
		}
	}
}
