package account

import "github.com/gatehouse-iam/gatehouse/internal/page"

// samples are data for every page, with which an operator's templates are tried before they are used. They hold each thing that
// can be there.
func samples() map[string][]any {
	c := common{
		lang: "en", Title: "Title", Header: "Header", Lead: "Lead", needs: page.Needs{Wide: true},
		Tabs: []tab{{Link: page.Link{Label: "Tab", URL: "/"}, Here: true}}, Notes: []note{{Type: "error", Text: "Note"}, {Type: "info", Text: "Note"}},
	}
	small := c
	small.needs.Wide = false
	links := []page.Link{{Label: "Link", URL: "/"}}
	from := &app{Name: "App", Letter: "A", Logo: "https://app.example/logo.png", Lead: "Continue to"}
	var items []item
	for _, as := range []string{"field", "settled", "check", "select", "button", "or", "text", "image", "link", "script", "div"} {
		items = append(items, item{As: as, ID: "f1", Name: "name", Type: "text", Label: "Label", Class: "quiet", Value: "value", Show: "Show",
			Notes: []note{{ID: "f1-1", Type: "error", Text: "Note"}}, Options: []option{{Value: "a", Selected: true}}, Data: []hidden{{"a", "b"}}, Picture: "https://app.example/logo.png"})
	}
	forms := []form{{Title: "Title", Lead: "Lead", Action: "/", Method: "POST", Hidden: []hidden{{"csrf_token", "x"}}, Items: items}}
	ways := []way{{Text: "Text", Link: links[0]}}
	return map[string][]any{
		"flow": {
			flowPage{common: c, Kind: "settings", State: "show_form", Forms: forms, Ways: ways},
			flowPage{common: small, Kind: "login", State: "choose_method", App: from, Forms: forms, Ways: ways},
		},
		"consent": {consentPage{common: small, App: from, Action: "/", Challenge: "c", Legend: "Legend",
			Scopes: []scope{{"openid", "Text", true}, {"email", "Text", false}}, Papers: links}},
		"logout":   {logoutPage{common: small, App: from, Action: "/", Challenge: "c"}, logoutPage{common: small}},
		"done":     {donePage{common: small, Links: links}},
		"sessions": {devicesPage{common: c, Action: "/", Others: true, Devices: []deviceItem{{ID: "1", Name: "Name", Where: "Where", When: "When", Here: true}, {ID: "2"}}}},
		"overview": {overviewPage{common: c, Addresses: []address{{Value: "a", Verified: true}, {Value: "b", VerifyURL: "/"}}, Tiles: []tile{{Link: links[0], Text: "Text"}}}},
	}
}
