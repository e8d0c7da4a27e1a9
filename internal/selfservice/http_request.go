package selfservice

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/hook"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// Bounds of a submission: fields of a form, and how deep their names nest.
const (
	maxFields = 500
	maxDepth  = 16
)

// visit reads who asks, from where and how.
func (h *Handler) visit(r *http.Request, typ string) (*Submission, error) {
	in := &Submission{
		Client: session.ClientOf(r), Browser: typ != ui.TypeAPI, AJAX: wantsJSON(r), Get: r.Method == http.MethodGet,
		Lang: language(r), Request: h.facts(r), devices: h.devices(r, typ),
	}
	s, err := h.Sessions.From(r)
	switch {
	case err == nil:
		in.Session = s
	case !errors.Is(err, session.ErrNoSession):
		return nil, err
	}
	return in, nil
}

// arriving is visit for GET requests: the values are those of the query.
func (h *Handler) arriving(r *http.Request, typ string) (*Submission, error) {
	in, err := h.visit(r, typ)
	if err != nil {
		return nil, err
	}
	in.Values, err = nest(r.URL.Query())
	in.Method = in.meant()
	return in, err
}

// submitted is visit for the answer to a flow.
func (h *Handler) submitted(r *http.Request, f *Flow) (*Submission, error) {
	if r.Method == http.MethodGet {
		return h.arriving(r, f.Type)
	}
	in, err := h.visit(r, f.Type)
	if err != nil {
		return nil, err
	}
	if in.Values, err = readBody(r); err != nil {
		return nil, err
	}
	in.Form = !isJSON(r)
	in.Method = in.meant()
	return in, nil
}

// readBody reads a form or a JSON object.
func readBody(r *http.Request) (map[string]any, error) {
	if isJSON(r) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		return parseJSON(body)
	}
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch mediaType {
	case "application/x-www-form-urlencoded":
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		values, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, errBadSubmission.Because(err)
		}
		return nest(values)
	case "multipart/form-data":
		if err := r.ParseMultipartForm(1 << 20); err != nil {
			return nil, errBadSubmission.Because(err)
		}
		return nest(url.Values(r.MultipartForm.Value))
	case "":
		return map[string]any{}, nil
	}
	return nil, errMediaType
}

// parseJSON reads the object of a script. Members may be named in dots, as form fields are.
func parseJSON(body []byte) (map[string]any, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return map[string]any{}, nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var values map[string]any
	if err := d.Decode(&values); err != nil {
		return nil, errBadSubmission.Because(err)
	}
	if d.More() {
		return nil, errBadSubmission
	}
	if values == nil {
		values = map[string]any{}
	}
	for name, v := range maps.Clone(values) {
		if strings.Contains(name, ".") {
			delete(values, name)
			if err := place(values, name, v); err != nil {
				return nil, err
			}
		}
	}
	return values, nil
}

// nest turns fields named in dots into objects. Of several values of one name the last one counts: a checkbox comes after the
// hidden field that stands for its absence.
func nest(fields url.Values) (map[string]any, error) {
	if len(fields) > maxFields {
		return nil, errBadSubmission.With("The form has more fields than this server reads.")
	}
	values := make(map[string]any, len(fields))
	for name, all := range fields {
		if len(all) == 0 {
			continue
		}
		if err := place(values, name, all[len(all)-1]); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// place puts a value where its name says. Names that contradict each other, such as a and a.b, are refused.
func place(values map[string]any, name string, v any) error {
	path := strings.Split(name, ".")
	if len(path) > maxDepth {
		return errBadSubmission.With("A field of the submission is nested deeper than this server reads.")
	}
	for _, element := range path[:len(path)-1] {
		next, ok := values[element].(map[string]any)
		if !ok {
			if values[element] != nil {
				return errBadSubmission.With("Two fields of the submission contradict each other: one is named like the beginning of the other.")
			}
			next = map[string]any{}
			values[element] = next
		}
		values = next
	}
	last := path[len(path)-1]
	if values[last] != nil {
		return errBadSubmission.With("Two fields of the submission contradict each other: one is named like the beginning of the other.")
	}
	values[last] = v
	return nil
}

func isJSON(r *http.Request) bool {
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return mediaType == "application/json" || strings.HasSuffix(mediaType, "+json")
}

// wantsJSON tells a script from a page load: it sends JSON, or likes JSON better than HTML. Who takes both alike, as curl does, gets
// what a browser gets, as from Kratos.
func wantsJSON(r *http.Request) bool {
	if isJSON(r) {
		return true
	}
	accept := strings.Join(r.Header.Values("Accept"), ",")
	if accept == "" || len(accept) > 4096 {
		return false
	}
	asked, exact := likes(accept, "application", "json")
	html, exactly := likes(accept, "text", "html")
	if asked != html {
		return asked > html
	}
	return asked > 0 && exact > exactly
}

// likes returns the weight that an Accept header gives to a media type, and how exactly it names it (RFC 9110 §12.5.1).
func likes(accept, major, minor string) (weight float64, exact int) {
	exact = -1
	for item := range strings.SplitSeq(accept, ",") {
		name, params, _ := strings.Cut(item, ";")
		level := -1
		switch strings.ToLower(strings.TrimSpace(name)) {
		case major + "/" + minor:
			level = 2
		case major + "/*":
			level = 1
		case "*/*":
			level = 0
		}
		if level > exact {
			weight, exact = quality(params), level
		}
	}
	return weight, exact
}

func quality(params string) float64 {
	for p := range strings.SplitSeq(params, ";") {
		if v, ok := strings.CutPrefix(strings.TrimSpace(p), "q="); ok {
			q, err := strconv.ParseFloat(v, 64)
			if err != nil || q < 0 || q > 1 {
				return 0
			}
			return q
		}
	}
	return 1
}

// language is the one of ours that the person reads best: lang or ui_locales in the query, else what the browser says.
func language(r *http.Request) string {
	q := r.URL.Query()
	for asked := range strings.FieldsSeq(q.Get("ui_locales") + " " + q.Get("lang")) {
		if known(asked) {
			return short(asked)
		}
	}
	best, weight := "en", 0.0
	accept := r.Header.Get("Accept-Language")
	if len(accept) > 512 {
		return best
	}
	for item := range strings.SplitSeq(accept, ",") {
		tag, params, _ := strings.Cut(item, ";")
		if q := quality(params); known(tag) && q > weight {
			best, weight = short(tag), q
		}
	}
	return best
}

func short(tag string) string {
	tag, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
	return tag
}

func known(tag string) bool { return short(tag) == "en" || short(tag) == "de" }

// clientHeader tells web hooks the client's address, as it is known behind trusted proxies.
const clientHeader = "True-Client-Ip"

// requestURL is the address of a request as flows keep it, and as hooks and mails are told it: without what proves something,
// the tokens and codes of links that were opened above all.
func (h *Handler) requestURL(r *http.Request) string {
	u := *r.URL
	q := u.Query()
	proves := false
	for _, name := range []string{fieldToken, fieldCode, csrfField, "password", fieldState, "id_token"} {
		proves = proves || q.Has(name)
		q.Del(name)
	}
	if proves {
		u.RawQuery = q.Encode()
	}
	return h.absolute(r.Context(), u.RequestURI())
}

// facts are what web hooks may be told of a request: not what signs the person in.
func (h *Handler) facts(r *http.Request) hook.Call {
	headers := r.Header.Clone()
	headers.Del(clientHeader) // whatever the client says itself
	if ip := web.ClientIP(r.Context()); ip.IsValid() {
		headers.Set(clientHeader, ip.String())
	}
	c := hook.Call{
		RequestHeaders: headers, RequestMethod: r.Method, RequestURL: h.requestURL(r), RequestCookies: map[string]string{},
	}
	for _, cookie := range r.Cookies() {
		if cookie.Name != h.csrfCookie(r.Context()) && cookie.Name != h.Sessions.Config.Cookie.Name && !ofOAuth(cookie.Name) {
			c.RequestCookies[cookie.Name] = cookie.Value
		}
	}
	return c
}

// ofOAuth tells whether a cookie is one of the OAuth server, whose session signs people in to applications.
func ofOAuth(name string) bool {
	return strings.HasPrefix(strings.TrimPrefix(name, "__Host-"), "gatehouse_")
}
