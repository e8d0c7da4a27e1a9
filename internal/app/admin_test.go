package app

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/gatehouse-iam/gatehouse/internal/web"
)

var updateRoutes = flag.Bool("update", false, "write testdata/admin_routes.txt anew")

// What a route of the admin listener needs is a decision. Whoever adds one, or changes what one needs, shows it in this table: run
// the test with -update, and read the difference.
func TestEveryAdminRouteSaysWhoMayCallIt(t *testing.T) {
	a := newApp(t, "")
	routes := slices.Clone(a.listeners[1].Handler.(*web.Mux).Routes())
	path := func(r web.Route) string { _, p, _ := strings.Cut(r.Pattern, " "); return p }
	slices.SortFunc(routes, func(x, y web.Route) int {
		return cmp.Or(cmp.Compare(path(x), path(y)), cmp.Compare(x.Pattern, y.Pattern))
	})
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 4, 2, ' ', 0)
	for _, r := range routes {
		method, path, _ := strings.Cut(r.Pattern, " ")
		who, where := string(r.Need.Role), ""
		switch {
		case r.Open:
			who = "everybody"
		case r.Need.Everywhere:
			where = " of the installation"
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s%s\n", method, path, who, where)
	}
	_ = w.Flush()
	const file = "testdata/admin_routes.txt"
	if *updateRoutes {
		if err := os.WriteFile(file, []byte(table.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if table.String() != string(want) {
		t.Errorf("the routes of the admin listener are not those of %s; run the test with -update and read the difference. Now they are\n%s", file, table.String())
	}
	if len(routes) < 50 {
		t.Errorf("only %d routes were found", len(routes))
	}
}
