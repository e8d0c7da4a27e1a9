package account

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-iam/gatehouse/internal/page"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// common is what the data of every page of this package has.
type common struct {
	lang   string
	needs  page.Needs
	Title  string // of the document
	Header string // of the page
	Lead   string
	Tabs   []tab
	Notes  []note
}

// PageLanguage tells package page the language.
func (c common) PageLanguage() string { return c.lang }

// PageNeeds tells package page what the page needs.
func (c common) PageNeeds() page.Needs { return c.needs }

// tab leads to another page of the account.
type tab struct {
	page.Link
	Here bool
}

// note is something that is said, to everybody or about one field.
type note struct {
	ID, Type, Text string
}

// flowPage is the data of the page "flow".
type flowPage struct {
	common
	Kind, State string
	App         *app
	Forms       []form
	Ways        []way
}

// app is the application that a person comes from.
type app struct {
	Name, Letter, Logo, Lead string
}

// way is a question with the link that answers it.
type way struct {
	Text string
	page.Link
}

// newFlowPage makes a page of a flow's document; again is where such a flow begins anew.
func newFlowPage(w words, f *ui.Flow, kind, again string) flowPage {
	p := flowPage{Kind: kind, State: f.State}
	p.lang, p.needs = w.lang, page.Needs{Form: true, Script: true}
	p.App = appOf(w, f)
	step := stepOf(f, kind)
	p.Header = w.first(kind+"."+step+".title", kind+".title")
	p.Lead = w.first(kind+"."+step+".lead", kind+".lead")
	p.Title = p.Header
	if f.UI.Failed() {
		p.Title = w.say("title.error", "title", p.Header)
	}
	for _, n := range f.UI.Nodes {
		if n.Type == ui.TypeImage {
			p.needs.Images = append(p.needs.Images, n.Attributes.Src)
		}
	}
	b := &formBuilder{words: w, kind: kind, again: again, settled: settledIn(f, kind), wrong: slices.ContainsFunc(f.UI.Nodes, isWrong)}
	for _, t := range f.UI.Messages {
		p.Notes = append(p.Notes, b.note(t))
	}
	if kind == string(ui.Settings) {
		p.needs.Wide = true
		p.Forms = b.perGroup(&f.UI)
		if slices.ContainsFunc(f.UI.Messages, func(t ui.Text) bool { return t.ID == recoveredID }) {
			p.Forms = passwordFirst(p.Forms)
		}
	} else {
		p.Forms = []form{b.whole(&f.UI)}
	}
	return p
}

// recoveredID is the text that tells people who are back in to choose a new password.
const recoveredID = 1060001

// passwordFirst puts first what people have come for who are told to choose a new password.
func passwordFirst(forms []form) []form {
	slices.SortStableFunc(forms, func(a, b form) int {
		switch {
		case a.Group == b.Group:
			return 0
		case a.Group == ui.GroupPassword:
			return -1
		case b.Group == ui.GroupPassword:
			return 1
		}
		return 0
	})
	return forms
}

// stepOf names the step of a flow for which there may be a heading of its own.
func stepOf(f *ui.Flow, kind string) string {
	switch {
	case f.State == ui.StateSentEmail || f.State == ui.StateAwaitingCode:
		switch n := f.UI.Node("code"); {
		case f.UI.Node("token") != nil, n != nil && n.Attributes.Type == ui.KindHidden:
			return "opened"
		case n == nil && kind != string(ui.Login):
			return "link"
		}
		return "code"
	case f.State == ui.StatePassedChallenge:
		return "done"
	case f.RequestedAAL == "aal2":
		return "aal2"
	case f.Refresh:
		return "refresh"
	case kind == string(ui.Registration) && f.UI.Node("password") != nil && !hasField(&f.UI, "traits."):
		return "credential"
	}
	return "start"
}

func hasField(f *ui.Form, prefix string) bool {
	return slices.ContainsFunc(f.Nodes, func(n *ui.Node) bool {
		return n.Type == ui.TypeInput && n.Attributes.Type != ui.KindHidden && strings.HasPrefix(n.Attributes.Name, prefix)
	})
}

// asking is the part of an OAuth login request that people see.
type asking struct {
	Client struct {
		ID   string `json:"client_id"`
		Name string `json:"client_name"`
		Logo string `json:"logo_uri"`
	} `json:"client"`
	Context struct {
		UILocales []string `json:"ui_locales"`
	} `json:"oidc_context"`
}

// askingOf reads what an application asks for, wherever the flow's document came from.
func askingOf(f *ui.Flow) (a asking, ok bool) {
	if f.OAuth2LoginRequest == nil {
		return a, false
	}
	raw, err := json.Marshal(f.OAuth2LoginRequest)
	if err != nil || json.Unmarshal(raw, &a) != nil {
		return a, false
	}
	return a, a.Client.ID != "" || a.Client.Name != ""
}

// locales are the languages that were asked for when the flow began: by the application, or by the address.
func locales(f *ui.Flow) []string {
	if a, ok := askingOf(f); ok && len(a.Context.UILocales) > 0 {
		return a.Context.UILocales
	}
	u, err := url.Parse(f.RequestURL)
	if err != nil {
		return nil
	}
	return strings.Fields(u.Query().Get("ui_locales"))
}

func appOf(w words, f *ui.Flow) *app {
	a, ok := askingOf(f)
	if !ok {
		return nil
	}
	return newApp(w, Client{ID: a.Client.ID, Name: a.Client.Name, LogoURL: a.Client.Logo}, "app.continue")
}

func newApp(w words, c Client, lead string) *app {
	out := &app{Name: c.called(), Lead: w.say(lead)}
	if strings.HasPrefix(c.LogoURL, "https://") {
		out.Logo = c.LogoURL
	}
	if r, _ := utf8.DecodeRuneInString(strings.TrimSpace(out.Name)); r != utf8.RuneError {
		out.Letter = string(unicode.ToUpper(r))
	}
	return out
}
