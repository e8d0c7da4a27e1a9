package authorize

import (
	"bytes"
	"net/http"

	template "github.com/DataDog/datadog-agent/pkg/template/html"
)

// pathFormPostScript is where the script that submits the form is, since a strict policy allows none in the page.
const pathFormPostScript = "/oauth2/assets/form_post.js"

// formPostPage carries an answer to the client in a form (OAuth 2.0 Form Post Response Mode). Without scripts the person
// presses the button.
var formPostPage = template.Must(template.New("form_post").Parse(`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Back to the application</title></head>
<body>
<form method="post" action="{{.To}}">
{{range .Params}}<input type="hidden" name="{{.Name}}" value="{{.Value}}">
{{end}}<p>You are being taken back to the application.</p>
<button type="submit">Continue</button>
</form>
<script src="{{.Script}}" defer></script>
</body>
</html>
`))

// formPost sends the page. Its policy has no form-action: browsers hold that against where the client redirects to
// afterwards, too, which is not ours to know.
func (h *Handler) formPost(w http.ResponseWriter, r *http.Request, a *Answer) error {
	var page bytes.Buffer
	err := formPostPage.Execute(&page, map[string]any{
		// The template would refuse private-use schemes.
		"To":     template.URL(a.RedirectURI), // a registered URI; registration refuses what browsers would run
		"Params": a.Params,
		"Script": h.Cookies.Base.Path(r.Context(), pathFormPostScript),
	})
	if err != nil {
		return err
	}
	header := w.Header()
	header.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; base-uri 'none'; frame-ancestors 'none'")
	noReferrer(header)
	header.Set("Content-Type", "text/html; charset=utf-8")
	_, err = w.Write(page.Bytes())
	return err
}

// formPostScript serves the script.
func formPostScript(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=86400")
	_, err := w.Write([]byte("document.forms[0].submit();\n"))
	return err
}
