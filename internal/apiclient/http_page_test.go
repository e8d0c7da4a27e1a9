package apiclient_test

import (
	"net/http"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/apiclient"
)

func TestNextPage(t *testing.T) {
	const unreadable = "!"
	for name, test := range map[string]struct {
		links []string
		want  string
	}{
		"none":                {nil, ""},
		"another":             {[]string{`</admin/clients?page_size=2>; rel="first"`}, ""},
		"the second":          {[]string{`</admin/clients?page_size=2>; rel="first",</admin/clients?page_size=2&page_token=t>; rel="next"`}, "page_size=2&page_token=t"},
		"in a second field":   {[]string{`</a?b=1>; rel="first"`, `</a?b=2>; rel="next"`}, "b=2"},
		"of another place":    {[]string{`<https://elsewhere.example.com/x?page_token=t%2Bk>; rel="next"`}, "page_token=t%2Bk"},
		"with a comma":        {[]string{`</a?ids=1,2&page_token=t>; rel="next"`}, "ids=1%2C2&page_token=t"},
		"behind a title":      {[]string{`</a?b=2>; title="more"; rel="next"`}, "b=2"},
		"a token":             {[]string{`</a?b=2>;rel=next`}, "b=2"},
		"two relations":       {[]string{`</a?b=2>; rel="next last"`}, "b=2"},
		"a word that is more": {[]string{`</a?b=2>; rel="nextdoor"`}, ""},
		"no address":          {[]string{`<http://[>; rel="next"`}, unreadable},
		"no query":            {[]string{`</a>; rel="next"`}, unreadable},
		"a wrong query":       {[]string{`</a?b=%zz>; rel="next"`}, unreadable},
	} {
		query, err := apiclient.NextPage(http.Header{"Link": test.links})
		if got := query.Encode(); test.want == unreadable != (err != nil) || err == nil && got != test.want {
			t.Errorf("%s leads to %q, %v", name, got, err)
		}
	}
}

func FuzzNextPage(f *testing.F) {
	for _, seed := range []string{"", `</a?b=1>; rel="next"`, `<<>>;rel=next`, `</a?b=1,2>; rel="first", <?%>; rel=next`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, link string) {
		query, err := apiclient.NextPage(http.Header{"Link": {link}})
		if query != nil && (err != nil || len(query) == 0) {
			t.Errorf("%q leads to %v, %v", link, query, err)
		}
	})
}
