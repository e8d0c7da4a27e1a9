package activity

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

func (f *fixture) serve() func(t *testing.T, target string, out any) (status int, next string) {
	mux := web.NewMux(web.KratosErrors, web.Options{})
	(&Handler{Store: f.store}).MountAdmin(mux)
	return func(t *testing.T, target string, out any) (int, string) {
		t.Helper()
		rec := httptest.NewRecorder()
		mux.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, target, nil))
		if err := json.Unmarshal(rec.Body.Bytes(), out); err != nil {
			t.Fatalf("%v in %s", err, rec.Body)
		}
		for link := range strings.SplitSeq(rec.Header().Get("Link"), ",") {
			if address, ok := strings.CutSuffix(link, `>; rel="next"`); ok {
				return rec.Code, strings.TrimPrefix(address, "<")
			}
		}
		return rec.Code, ""
	}
}

func TestAPI(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "activity"))
	f.fill(t, 7)
	get := f.serve()
	var seqs []float64
	for next := "/admin/activity?page_size=3&action=client&from=2020-01-01"; next != ""; {
		var page []map[string]any
		var status int
		if status, next = get(t, next, &page); status != http.StatusOK {
			t.Fatal(status)
		}
		for _, e := range page {
			seqs = append(seqs, e["seq"].(float64))
			if e["action"] != "client.created" || e["tenant"] != "default" || e["hash"] == "" {
				t.Errorf("%v", e)
			}
		}
	}
	if fmt.Sprint(seqs) != "[7 6 5 4 3 2 1]" {
		t.Errorf("%v", seqs)
	}
	var oldest []map[string]any
	if get(t, "/admin/activity?order=oldest&page_token=5&tenant=default", &oldest); len(oldest) != 2 || oldest[0]["seq"] != 6.0 {
		t.Errorf("%v", oldest)
	}
	var report Report
	if status, _ := get(t, "/admin/activity/verify", &report); status != http.StatusOK || !report.Intact || report.Lines != 7 {
		t.Errorf("%d %+v", status, report)
	}
	noted := url.QueryEscape(fmt.Sprintf("%d:%s", report.Last, report.Hash))
	if get(t, "/admin/activity/verify?known="+noted, &report); !report.Intact {
		t.Errorf("%+v", report)
	}
	if get(t, "/admin/activity/verify?known=3:x", &report); report.Intact {
		t.Errorf("%+v", report)
	}
	for _, bad := range []string{
		"?page_size=0x", "?page_size=1001", "?page_size=-1", "?page_token=0", "?page_token=x", "?order=up", "?action=client.craeted", "?from=yesterday",
		"?to=0001-01-01", "?from=2026-01-02&to=2026-01-01", "?tenant=other", "/verify?known=x", "/verify?known=0:x", "/verify?known=1:",
	} {
		var refused struct{ Error struct{ Message string } }
		if status, _ := get(t, "/admin/activity"+bad, &refused); status != http.StatusBadRequest || refused.Error.Message == "" {
			t.Errorf("%s: %d %+v", bad, status, refused)
		}
	}
}

func TestALineThatIsUnreadableIsShown(t *testing.T) {
	for _, l := range []Line{{Seq: 1, Hash: "h", Document: []byte("{")}, {Seq: 2, Hash: `"`, Document: []byte(`{"id":"x"}`)}, {Seq: 3, Document: []byte("{}")}} {
		var got map[string]any
		if err := json.Unmarshal(l.JSON(), &got); err != nil || got["unreadable"] == nil {
			t.Errorf("%s: %v", l.JSON(), err)
		}
	}
}

func FuzzFilter(f *testing.F) {
	for _, s := range []string{"", "2026-01-31", "2026-01-31T15:04:05.123456789+02:00", "0000-00-00", "42:Zm9v", "client", "client.created", "."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if at, err := ParseTime(s); err == nil && s != "" && (at.Location() != time.UTC || at.Year() < 1969 || at.Year() > 10_000) {
			t.Errorf("%q is %s", s, at)
		}
		if known, err := ParseKnown(s); err == nil && s != "" && (known.Seq < 1 || known.Hash == "") {
			t.Errorf("%q is %+v", s, known)
		}
		if err := (Filter{Action: s}).check(); err == nil && s != "" && len(actions(s)) == 0 {
			t.Errorf("%q is taken and finds nothing", s)
		}
		if k := key(s); len([]rune(k)) > maxKey || !strings.HasPrefix(s, k) {
			t.Errorf("%q is searched by %q", s, k)
		}
		in := listIn{Actor: s, Subject: s, Action: s, From: s, To: s, Order: s, PageToken: s}
		if parsed, err := in.filter(testkit.Context(t)); err == nil && parsed.After < 0 {
			t.Errorf("%+v", parsed)
		}
	})
}
