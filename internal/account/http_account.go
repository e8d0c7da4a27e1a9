package account

import (
	"net/http"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/page"
	"github.com/gatehouse-iam/gatehouse/internal/session"
)

// maxDevices is how many sessions the list shows; more than anybody looks through.
const maxDevices = 50

// overviewPage is the data of the page "overview".
type overviewPage struct {
	common
	Addresses []address
	Tiles     []tile
}

type address struct {
	Value     string
	Verified  bool
	VerifyURL string
}

type tile struct {
	page.Link
	Text string
}

// overview shows who is signed in, and what can be done.
func (h *Handler) overview(w http.ResponseWriter, r *http.Request) error {
	s, err := h.owner(w, r, pathAccount+"/")
	if s == nil {
		return err
	}
	text := h.words(r)
	p := overviewPage{}
	p.lang, p.needs = text.lang, page.Needs{Wide: true}
	p.Header = text.say("overview.title")
	p.Title, p.Lead = p.Header, text.say("overview.lead", "name", called(s.Identity))
	p.Tabs = h.tabs(r, text, "overview")
	for _, a := range s.Identity.VerifiableAddresses {
		one := address{Value: a.Value, Verified: a.Verified}
		if !a.Verified && h.Offers.Verification {
			one.VerifyURL = h.begin(r.Context(), "verification", "return_to", h.Base.Join(r.Context(), pathAccount+"/"))
		}
		p.Addresses = append(p.Addresses, one)
	}
	for _, t := range p.Tabs[1:3] { // not to this page, and not out of the account
		name := t.URL[strings.LastIndexByte(t.URL, '/')+1:]
		p.Tiles = append(p.Tiles, tile{t.Link, text.say("overview." + name)})
	}
	return h.Site.Render(w, r, http.StatusOK, "overview", p)
}

// devicesPage is the data of the page "sessions".
type devicesPage struct {
	common
	Action  string
	Devices []deviceItem
	Others  bool
}

type deviceItem struct {
	ID, Name, Where, When string
	Here                  bool
}

// devices lists where a person is signed in.
func (h *Handler) devices(w http.ResponseWriter, r *http.Request) error {
	s, err := h.owner(w, r, pathSessions)
	if s == nil {
		return err
	}
	active := true
	all, err := h.SessionStore.List(r.Context(), session.Filter{IdentityID: s.IdentityID, Active: &active, Limit: maxDevices, Devices: true})
	if err != nil {
		return err
	}
	text := h.words(r)
	p := devicesPage{Action: h.path(r.Context(), pathSessions)}
	p.lang, p.needs = text.lang, page.Needs{Wide: true, Form: true, Script: true}
	p.Header, p.Lead = text.say("sessions.title"), text.say("sessions.lead")
	p.Title = p.Header
	p.Tabs = h.tabs(r, text, "sessions")
	switch r.URL.Query().Get("ended") {
	case "one":
		p.Notes = []note{{Type: "success", Text: text.say("sessions.ended")}}
	case "others":
		p.Notes = []note{{Type: "success", Text: text.say("sessions.ended.others")}}
	}
	for _, one := range all {
		it := h.device(text, one)
		if it.Here = one.ID == s.ID; it.Here {
			p.Devices = append([]deviceItem{it}, p.Devices...)
			continue
		}
		p.Devices = append(p.Devices, it)
		p.Others = true
	}
	return h.Site.Render(w, r, http.StatusOK, "sessions", p)
}

// device says in words where a session is used.
func (h *Handler) device(w words, s *session.Session) deviceItem {
	it := deviceItem{ID: s.ID, Name: w.say("sessions.unknown"), When: w.say("sessions.since", "when", w.ago(s.AuthenticatedAt, h.Now()))}
	if len(s.Devices) == 0 {
		return it
	}
	last := s.Devices[len(s.Devices)-1]
	var where []string
	for _, p := range []*string{last.Location, last.IPAddress} {
		if p != nil && *p != "" {
			where = append(where, *p)
		}
	}
	it.Where = strings.Join(where, " · ")
	if last.UserAgent == nil {
		return it
	}
	browser, system := device(*last.UserAgent)
	switch {
	case browser != "" && system != "":
		it.Name = w.say("sessions.on", "browser", browser, "system", system)
	case browser+system != "":
		it.Name = browser + system
	}
	return it
}

// endDevices signs out other devices.
func (h *Handler) endDevices(w http.ResponseWriter, r *http.Request) error {
	form, err := ownForm(r)
	if err != nil {
		return err
	}
	s, err := h.owner(w, r, pathSessions)
	if s == nil {
		return err
	}
	ended := "one"
	switch id := form.Get("session"); {
	case form.Get("others") == "true":
		ended = "others"
		_, err = h.SessionStore.RevokeOthers(r.Context(), s.IdentityID, s.ID)
	case id == s.ID: // its own way out has a page of its own
		return redirect(w, h.path(r.Context(), pathLogout))
	case id != "":
		err = h.SessionStore.RevokeOwn(r.Context(), s.IdentityID, id)
	}
	if err != nil {
		return err
	}
	return redirect(w, with(h.path(r.Context(), pathSessions), "ended", ended))
}
