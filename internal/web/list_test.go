package web

import (
	"net/url"
	"testing"
)

func TestPageSize(t *testing.T) {
	for asked, want := range map[int]int{0: 100, 1: 1, 1000: 1000, -1: 0, 1001: 0} {
		if got, err := PageSize(asked); got != want || (err == nil) != (want > 0) {
			t.Errorf("%d: %d, %v", asked, got, err)
		}
	}
}

func TestPageLinks(t *testing.T) {
	own := url.Values{"owner": {"a&b"}, "status": {""}, "ids": nil}
	for _, test := range []struct {
		name, next, want string
		own              url.Values
	}{
		{"the last page", "", `</admin/list?owner=a%26b&page_size=5>; rel="first"`, own},
		{"one before it", "t+k", `</admin/list?owner=a%26b&page_size=5>; rel="first",</admin/list?owner=a%26b&page_size=5&page_token=t%2Bk>; rel="next"`, own},
		{"a list without parameters", "", `</admin/list?page_size=5>; rel="first"`, nil},
	} {
		if got := PageLinks(t.Context(), "/admin/list", 5, test.own, test.next); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
	if len(own) != 3 {
		t.Errorf("the caller's parameters became %v", own)
	}
}
