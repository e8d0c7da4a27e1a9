package identity_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/sqldb"
	"github.com/gatehouse-iam/gatehouse/internal/testkit"
)

// client asks the admin API.
type client struct {
	t    testing.TB
	base string
}

// object is a JSON object of an answer.
type object = map[string]any

func (c client) do(method, path string, body any) (*http.Response, []byte) {
	c.t.Helper()
	var send io.Reader
	if body != nil {
		raw, ok := body.(string)
		if !ok {
			b, err := json.Marshal(body)
			if err != nil {
				c.t.Fatal(err)
			}
			raw = string(b)
		}
		send = strings.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, send)
	if err != nil {
		c.t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return res, answer
}

// want asks, and expects a status and a JSON object.
func (c client) want(status int, method, path string, body any) object {
	c.t.Helper()
	res, raw := c.do(method, path, body)
	if res.StatusCode != status {
		c.t.Fatalf("%s %s: %d %s", method, path, res.StatusCode, raw)
	}
	var answer object
	if len(raw) > 0 && json.Unmarshal(raw, &answer) != nil {
		c.t.Fatalf("%s %s: %s", method, path, raw)
	}
	return answer
}

// list asks for a list.
func (c client) list(path string) ([]object, http.Header) {
	c.t.Helper()
	res, raw := c.do("GET", path, nil)
	var all []object
	if err := json.Unmarshal(raw, &all); err != nil || res.StatusCode != 200 {
		c.t.Fatalf("GET %s: %d %s", path, res.StatusCode, raw)
	}
	return all, res.Header
}

func newClient(t *testing.T) (*fixture, client) {
	t.Helper()
	f := newFixture(t, testkit.SQLite(t, "management"))
	return f, client{t, f.serve(t)}
}

// at follows a path in an answer.
func at(v any, path ...string) any {
	for _, name := range path {
		o, ok := v.(object)
		if !ok {
			return nil
		}
		v = o[name]
	}
	return v
}

// The document is Kratos' to the letter: every name, what is null and what is left out.
func TestDocument(t *testing.T) {
	_, c := newClient(t)
	res, raw := c.do("POST", "/admin/identities", `{"schema_id":"default","traits":{"email":"Doc@example.com"},
		"credentials":{"password":{"config":{"hashed_password":"$2a$10$ZsCsoVQ3xfBG/K2z2XpBf.tm90GZmtOqtqWcB5.pYd5Eq8y7RlDyq"}}}}`)
	if res.StatusCode != http.StatusCreated || !strings.HasPrefix(res.Header.Get("Location"), "/admin/identities/") {
		t.Fatalf("%d %s %s", res.StatusCode, res.Header, raw)
	}
	ids := regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`)
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, ids.ReplaceAll(raw, []byte("ID")), "", " "); err != nil {
		t.Fatal(err)
	}
	var got, want object
	const expected = `{"id":"ID","schema_id":"default","schema_url":"https://id.example.com/schemas/ZGVmYXVsdA","state":"active",
		"state_changed_at":"0001-01-01T00:00:00Z","traits":{"email":"Doc@example.com"},
		"verifiable_addresses":[{"id":"ID","value":"doc@example.com","verified":false,"via":"email","status":"pending","created_at":"0001-01-01T00:00:00Z","updated_at":"0001-01-01T00:00:00Z"}],
		"recovery_addresses":[{"id":"ID","value":"doc@example.com","via":"email","created_at":"0001-01-01T00:00:00Z","updated_at":"0001-01-01T00:00:00Z"}],
		"metadata_public":null,"metadata_admin":null,"organization_id":null,"created_at":"0001-01-01T00:00:00Z","updated_at":"0001-01-01T00:00:00Z",
		"credentials":{
			"password":{"type":"password","identifiers":["doc@example.com"],"version":0,"created_at":"0001-01-01T00:00:00Z","updated_at":"0001-01-01T00:00:00Z"},
			"code":{"type":"code","identifiers":["doc@example.com"],"version":1,"created_at":"0001-01-01T00:00:00Z","updated_at":"0001-01-01T00:00:00Z"}}}`
	if err := json.Unmarshal([]byte(expected), &want); err != nil {
		t.Fatal(err)
	}
	dates := regexp.MustCompile(`"\d{4}-\d\d-\d\dT[^"]*"`)
	if err := json.Unmarshal(dates.ReplaceAll(pretty.Bytes(), []byte(`"0001-01-01T00:00:00Z"`)), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLifecycle(t *testing.T) {
	f, c := newClient(t)
	made := c.want(201, "POST", "/admin/identities", object{
		"schema_id": "default", "external_id": "ext/1 ü", "metadata_admin": object{"a": 1}, "metadata_public": object{"p": "<&>"},
		"traits":               object{"email": "life@example.com", "name": object{"first": "Li"}},
		"verifiable_addresses": []object{{"value": "LIFE@example.com", "via": "email", "verified": true, "status": "completed"}, {"value": "other@example.com", "via": "email", "verified": true, "status": "completed"}},
		"recovery_addresses":   []object{{"value": "life@example.com", "via": "email"}},
		"credentials":          object{"password": object{"config": object{"password": "plain as day"}}},
	})
	id, _ := made["id"].(string)
	one := "/admin/identities/" + id
	addresses, _ := made["verifiable_addresses"].([]any)
	if len(addresses) != 1 || at(addresses[0], "verified") != true || at(addresses[0], "verified_at") == nil {
		t.Errorf("imported addresses: %v", addresses)
	}

	plain := c.want(200, "GET", one, nil)
	if at(plain, "credentials", "password", "config") != nil || at(plain, "credentials", "password", "type") != "password" {
		t.Errorf("credentials without being asked: %v", plain["credentials"])
	}
	full := c.want(200, "GET", one+"?include_credential=password&include_credential=totp", nil)
	hash, _ := at(full, "credentials", "password", "config", "hashed_password").(string)
	if ok, _, err := f.admin.Hasher.Verify(f.ctx, hash, "plain as day"); !ok || err != nil {
		t.Errorf("the imported password: %v %v", ok, err)
	}
	c.want(400, "GET", one+"?include_credential=pin", nil)
	external := c.want(200, "GET", "/admin/identities/by/external/"+url.PathEscape("ext/1 ü"), nil)
	if external["id"] != id {
		t.Errorf("by external id: %v", external)
	}
	c.want(404, "GET", "/admin/identities/by/external/ext", nil)

	put := c.want(200, "PUT", one, object{"schema_id": "default", "state": "inactive", "traits": object{"email": "new@example.com"}, "metadata_admin": nil})
	if put["state"] != "inactive" || put["metadata_public"] != nil || at(put, "traits", "name") != nil || put["external_id"] != nil || at(put, "credentials", "password") == nil {
		t.Errorf("after PUT: %v", put)
	}
	patched := c.want(200, "PATCH", one, `[{"op":"replace","path":"/state","value":"active"},{"op":"add","path":"/traits/name","value":{"last":"Last"}},
		{"op":"test","path":"/traits/email","value":"new@example.com"},{"op":"replace","path":"/metadata_public","value":{"x":[1]}},
		{"op":"replace","path":"/external_id","value":"e2"},{"op":"replace","path":"/verifiable_addresses/0/verified","value":true}]`)
	addresses, _ = patched["verifiable_addresses"].([]any)
	if patched["state"] != "active" || at(patched, "traits", "name", "last") != "Last" || patched["external_id"] != "e2" || at(addresses[0], "status") != "completed" {
		t.Errorf("after PATCH: %v", patched)
	}

	res, raw := c.do("DELETE", one, nil)
	if res.StatusCode != 204 || len(raw) != 0 {
		t.Errorf("%d %s", res.StatusCode, raw)
	}
	for _, method := range []string{"GET", "DELETE"} {
		gone := c.want(404, method, one, nil)
		if at(gone, "error", "status") != "Not Found" || at(gone, "error", "message") == nil {
			t.Errorf("%s: %v", method, gone)
		}
	}
	c.want(404, "PATCH", one, `[]`)
	c.want(404, "PUT", one, object{"traits": object{}})
}

func TestRefusals(t *testing.T) {
	_, c := newClient(t)
	first := c.want(201, "POST", "/admin/identities", object{"traits": object{"email": "one@example.com"}})
	one := fmt.Sprint("/admin/identities/", first["id"])
	credential := func(kind string, config any) object {
		return object{"traits": object{"email": "two@example.com"}, "credentials": object{kind: object{"config": config}}}
	}
	for _, tc := range []struct {
		status       int
		method, path string
		body         any
		want         string // in the answer
	}{
		{400, "POST", "/admin/identities", object{"schema_id": "x", "traits": object{}}, "schema_id"},
		{400, "POST", "/admin/identities", object{"traits": object{"email": "nobody"}}, "traits.email: Enter a valid email address"},
		{400, "POST", "/admin/identities", object{"traits": object{}}, `"id":4000002`},
		{400, "POST", "/admin/identities", object{"traits": object{"email": "two@example.com"}, "state": "asleep"}, "state"},
		{400, "POST", "/admin/identities", object{"traits": object{"email": "two@example.com"}, "organization_id": "x"}, "organization_id"},
		{400, "POST", "/admin/identities", object{"traits": object{"email": "two@example.com"}, "external_id": "a\nb"}, "external_id"},
		{400, "POST", "/admin/identities", object{"trait": object{}}, "trait"},
		{400, "POST", "/admin/identities", `{"traits":{"email":"a@x"},"metadata_public":{"a":"` + "\xff" + `"}}`, "metadata_public"},
		{400, "POST", "/admin/identities", `{`, ""},
		{409, "POST", "/admin/identities", object{"traits": object{"email": "ONE@example.com"}}, "verify:email"},
		{409, "POST", "/admin/identities", object{"traits": object{"email": "ONE@example.com"}}, "its e-mail address and sign-in identifier are taken."},
		{400, "POST", "/admin/identities", credential("password", object{"hashed_password": "hunter2"}), "hashed_password"},
		{400, "POST", "/admin/identities", credential("password", object{"hashed_password": "$2a$31$ZsCsoVQ3xfBG/K2z2XpBf.tm90GZmtOqtqWcB5.pYd5Eq8y7RlDyq"}), "hashed_password"},
		{400, "POST", "/admin/identities", credential("password", object{}), "hashed_password"},
		{400, "POST", "/admin/identities", credential("password", object{"password": strings.Repeat("x", 5000)}), "longer"},
		{400, "POST", "/admin/identities", credential("oidc", object{"providers": []object{{"subject": "x"}}}), "provider"},
		{400, "POST", "/admin/identities", credential("totp", object{"totp_url": "https://x"}), "totp_url"},
		{400, "POST", "/admin/identities", credential("passkey", object{"credentials": []object{{"id": []int{1}, "public_key": "AQ=="}}}), "user_handle"},
		{400, "POST", "/admin/identities", credential("webauthn", object{"credentials": []object{{"id": []int{1}}}, "user_handle": "AQ=="}), "public_key"},
		{400, "POST", "/admin/identities", credential("pin", object{}), ""},
		{400, "PATCH", one, `{"op":"x"}`, "JSON Patch"},
		{400, "PATCH", one, `[{"op":"replace","path":"/id","value":"x"}]`, "/id"},
		{400, "PATCH", one, `[{"op":"remove","path":"/credentials/password"}]`, "/credentials"},
		{400, "PATCH", one, `[{"op":"move","from":"/id","path":"/traits/x"}]`, "/id"},
		{400, "PATCH", one, `[{"op":"replace","path":"/nothing","value":"x"}]`, "missing"},
		{400, "PATCH", one, `[{"op":"add","path":"/nothing","value":"x"}]`, "nothing"},
		{400, "PATCH", one, `[{"op":"test","path":"/state","value":"x"}]`, "test"},
		{400, "PATCH", one, `[{"op":"replace","path":"","value":"x"}]`, "path"},
		{400, "PATCH", one, `[{"op":"move","from":"","path":"/metadata_admin"}]`, "path"},
		{400, "PATCH", one, `[{"op":"replace","path":"/state","value":7}]`, "state"},
		{400, "PATCH", one, `[{"op":"replace","path":"/traits/email","value":"nobody"}]`, "traits.email"},
		{400, "PUT", one, object{"schema_id": "default", "state": "active"}, "traits.email"},
		{404, "GET", "/admin/identities/x", nil, "not_found"},
		{404, "GET", "/admin/identities/" + strings.Repeat("0", 36), nil, ""},
		{400, "GET", "/admin/identities?ids=x", nil, "ids"},
		{400, "GET", "/admin/identities?organization_id=x", nil, "organization_id"},
		{400, "GET", "/admin/identities?search=a&credentials_identifier=b", nil, "combine"},
		{400, "GET", "/admin/identities?search_field=a", nil, "search"},
		{400, "GET", "/admin/identities?search=a&search_match=regex", nil, "search_match"},
		{400, "GET", "/admin/identities?page_size=-1", nil, "page_size"},
		{400, "GET", "/admin/identities?page_token=x", nil, "page_token"},
		{400, "GET", "/admin/identities?page=x", nil, "page"},
		{404, "DELETE", one + "/credentials/password", nil, "credential"},
		{400, "DELETE", one + "/credentials/code", nil, "traits"},
		{404, "DELETE", "/admin/identities/x/credentials/code", nil, ""},
	} {
		res, raw := c.do(tc.method, tc.path, tc.body)
		if res.StatusCode != tc.status || !strings.Contains(string(raw), tc.want) || !strings.HasPrefix(string(raw), `{"error":{`) {
			t.Errorf("%s %s %.100v: %d %s", tc.method, tc.path, tc.body, res.StatusCode, raw)
		}
		if reason, _ := at(decodeObject(t, raw), "error", "reason").(string); strings.Contains(reason, "nobody") || strings.Contains(reason, "hunter2") {
			t.Errorf("the reason, which is logged, repeats a value: %s", reason)
		}
	}
	if all, _ := c.list("/admin/identities"); len(all) != 1 {
		t.Errorf("%d identities are there", len(all))
	}
}

func decodeObject(t *testing.T, raw []byte) object {
	t.Helper()
	var o object
	if err := json.Unmarshal(raw, &o); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return o
}

func TestImportAndRemoveCredentials(t *testing.T) {
	f, c := newClient(t)
	key := object{"id": []int{1, 2, 255}, "public_key": "AQID", "attestation_type": "none", "display_name": "Key", "authenticator": object{"aaguid": []int{0}, "sign_count": 7}}
	made := c.want(201, "POST", "/admin/identities", object{"traits": object{"email": "all@example.com"}, "credentials": object{
		"password":      object{"config": object{"use_password_migration_hook": true}},
		"oidc":          object{"config": object{"providers": []object{{"provider": "google", "subject": "S1", "use_auto_link": true}, {"provider": "github", "subject": "7", "organization": nil}}}},
		"saml":          object{"config": object{"providers": []object{{"provider": "corp", "subject": "x"}}}},
		"totp":          object{"config": object{"totp_url": "otpauth://totp/Gatehouse:all?secret=JBSWY3DPEHPK3PXP"}},
		"lookup_secret": object{"config": object{"codes": []object{{"code": "abc"}, {"code": "def", "used_at": "2024-01-01T00:00:00Z"}}}},
		"webauthn":      object{"config": object{"credentials": []object{key}, "user_handle": []int{9, 9}}},
		"passkey":       object{"config": object{"credentials": []object{key}, "user_handle": "aGFuZGxl"}},
	}})
	id, _ := made["id"].(string)
	one := "/admin/identities/" + id
	all := "?include_credential=oidc&include_credential=saml&include_credential=totp&include_credential=lookup_secret&include_credential=webauthn&include_credential=passkey&include_credential=password"
	stored := c.want(200, "GET", one+all, nil)
	for path, want := range map[string]any{
		"password/config/use_password_migration_hook": true,
		"oidc/identifiers":                            []any{"google:S1", "github:7"},
		"saml/identifiers":                            []any{"corp:x"},
		"totp/config/totp_url":                        "otpauth://totp/Gatehouse:all?secret=JBSWY3DPEHPK3PXP",
		"webauthn/config/user_handle":                 "CQk=",
		"webauthn/identifiers":                        []any{"all@example.com"},
		"passkey/identifiers":                         []any{"handle"},
		"passkey/version":                             1.0,
		"lookup_secret/identifiers":                   []any{},
	} {
		if got := at(stored["credentials"], strings.Split(path, "/")...); !cmp.Equal(got, want) {
			t.Errorf("%s: %v", path, got)
		}
	}
	keys, _ := at(stored, "credentials", "webauthn", "config", "credentials").([]any)
	if len(keys) != 1 || at(keys[0], "id") != "AQL/" || at(keys[0], "authenticator", "sign_count") != 7.0 {
		t.Errorf("%v", keys)
	}
	if got, err := f.store.Get(f.ctx, id); err != nil || identity.AvailableAAL(got) != identity.AAL2 {
		t.Errorf("%v %v", got, err)
	}
	for kind, value := range map[string]string{"oidc": "google:S1", "passkey": "handle", "saml": "corp:x"} {
		if got, err := f.store.ByIdentifier(f.ctx, kind, value); err != nil || got.ID != id {
			t.Errorf("%s: %v", kind, err)
		}
	}

	// PUT adds: links and codes come besides, a key of the same id is replaced, the password as well.
	key["display_name"] = "Renamed"
	c.want(200, "PUT", one, object{"schema_id": "default", "state": "active", "traits": object{"email": "all@example.com"}, "credentials": object{
		"password":      object{"config": object{"password": "another one"}},
		"oidc":          object{"config": object{"providers": []object{{"provider": "google", "subject": "S1"}, {"provider": "google", "subject": "S2"}}}},
		"lookup_secret": object{"config": object{"codes": []object{{"code": "ghi"}}}},
		"webauthn":      object{"config": object{"credentials": []object{key, {"id": "BA==", "public_key": "BA==", "is_passwordless": true}}}},
	}})
	stored = c.want(200, "GET", one+all, nil)
	if got := at(stored, "credentials", "oidc", "identifiers"); !cmp.Equal(got, []any{"google:S1", "github:7", "google:S2"}) {
		t.Errorf("%v", got)
	}
	keys, _ = at(stored, "credentials", "webauthn", "config", "credentials").([]any)
	if len(keys) != 2 || at(keys[0], "display_name") != "Renamed" {
		t.Errorf("%v", keys)
	}
	codes, _ := at(stored, "credentials", "lookup_secret", "config", "recovery_codes").([]any)
	if len(codes) != 3 || at(stored, "credentials", "password", "config", "use_password_migration_hook") != nil {
		t.Errorf("%v %v", codes, at(stored, "credentials", "password"))
	}

	for _, tc := range []struct {
		status int
		path   string
	}{
		{204, "/totp"}, {404, "/totp"}, {204, "/lookup_secret"}, {400, "/passkey"}, {400, "/oidc"}, {404, "/oidc?identifier=google:X"},
		{204, "/oidc?identifier=google:S1"}, {204, "/webauthn"}, {204, "/saml?identifier=corp:x"}, {400, "/nonsense"}, {204, "/password"},
	} {
		if res, raw := c.do("DELETE", one+"/credentials"+tc.path, nil); res.StatusCode != tc.status && (tc.path != "/nonsense" || res.StatusCode != 404) {
			t.Errorf("DELETE %s: %d %s", tc.path, res.StatusCode, raw)
		}
	}
	stored = c.want(200, "GET", one+all, nil)
	credentials, _ := stored["credentials"].(object)
	if diff := cmp.Diff([]string{"code", "oidc", "passkey", "webauthn"}, slices.Sorted(maps.Keys(credentials))); diff != "" {
		t.Error(diff)
	}
	if _, err := f.store.ByIdentifier(f.ctx, identity.OIDC, "google:S1"); err == nil {
		t.Error("a link that was removed still finds its identity")
	}
}

func TestLastFactorStays(t *testing.T) {
	f, c := newClient(t)
	id := f.add(t, withPassword(person("last@example.com"))).ID
	refused := c.want(400, "DELETE", "/admin/identities/"+id+"/credentials/password", nil)
	if at(refused, "error", "id") != "last_first_factor" {
		t.Errorf("%v", refused)
	}
	f.admin.CodeSignsIn = true
	if res, raw := c.do("DELETE", "/admin/identities/"+id+"/credentials/password", nil); res.StatusCode != 204 {
		t.Errorf("%d %s", res.StatusCode, raw)
	}
	// The identifier stays taken.
	if err := f.store.Create(f.ctx, person("last@example.com")); err == nil {
		t.Error("the address was given to another one")
	}
}

// next is the address of the next page, "" at the end.
func next(h http.Header) string {
	for link := range strings.SplitSeq(h.Get("Link"), ",") {
		if address, found := strings.CutSuffix(link, `>; rel="next"`); found {
			return strings.TrimPrefix(address, "<")
		}
	}
	return ""
}

func TestList(t *testing.T) {
	f, c := newClient(t)
	var made []string
	for i := range 7 {
		made = append(made, f.add(t, withPassword(person(fmt.Sprintf("p%d@example.com", i)))).ID)
	}
	for _, start := range []string{"/admin/identities?page_size=3", "/admin/identities?page_size=3&search=example.com", "/admin/identities?page_size=3&preview_credentials_identifier_similar=EXAMPLE"} {
		var got []string
		for path := start; path != ""; {
			page, header := c.list(path)
			for _, one := range page {
				id, _ := one["id"].(string)
				got = append(got, id)
			}
			path = next(header)
		}
		if diff := cmp.Diff(made, got); diff != "" {
			t.Errorf("%s: %s", start, diff)
		}
	}
	_, header := c.list("/admin/identities?page_size=3")
	token := next(header)
	if res, _ := c.do("GET", token+"&search=p", nil); res.StatusCode != 400 {
		t.Error("a page token is good for another list")
	}
	if !strings.Contains(header.Get("Link"), `</admin/identities?page_size=3>; rel="first"`) {
		t.Errorf("Link: %s", header.Get("Link"))
	}
	if all, _ := c.list("/admin/identities"); len(all) != 7 || all[0]["credentials"] != nil || at(all[0], "metadata_admin") != nil {
		t.Errorf("%v", all)
	}
	found, _ := c.list("/admin/identities?credentials_identifier=P3@example.com&include_credential=password")
	if len(found) != 1 || found[0]["id"] != made[3] || at(found[0], "credentials", "password", "config", "hashed_password") == nil || at(found[0], "credentials", "code", "config") != nil {
		t.Errorf("%v", found)
	}
	found, _ = c.list("/admin/identities?ids=" + made[1] + "&ids=" + made[5] + "&consistency=strong")
	if len(found) != 2 {
		t.Errorf("%v", found)
	}
	found, _ = c.list("/admin/identities?search=p2&search_field=traits.email&search_match=prefix")
	if len(found) != 1 || found[0]["id"] != made[2] {
		t.Errorf("%v", found)
	}
	relations := regexp.MustCompile(`page=[0-9]+&per_page=3>; rel="[a-z]+"`)
	first, last := `page=1&per_page=3>; rel="first"`, `page=3&per_page=3>; rel="last"`
	numbered := map[string][]string{
		"0": {first, `page=2&per_page=3>; rel="next"`, last}, "1": {first, `page=2&per_page=3>; rel="next"`, last},
		"3": {first, `page=2&per_page=3>; rel="prev"`, last}, "4": {first, `page=3&per_page=3>; rel="prev"`, last},
	}
	for page, want := range map[string]int{"0": 3, "1": 3, "3": 1, "4": 0} {
		list, header := c.list("/admin/identities?per_page=3&page=" + page)
		if len(list) != want || header.Get("X-Total-Count") != "7" {
			t.Errorf("page %s: %d, %s in all", page, len(list), header.Get("X-Total-Count"))
		}
		if got := relations.FindAllString(header.Get("Link"), -1); !slices.Equal(got, numbered[page]) {
			t.Errorf("page %s links to %q", page, got)
		}
	}
	if res, _ := c.do("GET", "/admin/identities?page=999999999999999999999", nil); res.StatusCode != 400 {
		t.Errorf("%d", res.StatusCode)
	}
}

func TestBatch(t *testing.T) {
	_, c := newClient(t)
	create := func(email string, more ...any) object {
		o := object{"schema_id": "default", "traits": object{"email": email}}
		for i := 0; i < len(more); i += 2 {
			name, _ := more[i].(string)
			o[name] = more[i+1]
		}
		return object{"create": o, "patch_id": "0b8e7f5d-4b6f-4f0d-9d0f-000000000000"}
	}
	plain := object{"password": object{"config": object{"password": "long enough"}}}
	answer := c.want(200, "PATCH", "/admin/identities", object{"identities": []object{
		create("b1@example.com", "credentials", plain), create("nobody"), create("b1@example.com"), {}, create("b2@example.com", "schema_id", "x"),
		create("b3@example.com", "credentials", object{"password": object{"config": object{"hashed_password": "x"}}}), create("b4@example.com", "credentials", plain),
	}})
	items, _ := answer["identities"].([]any)
	var got []string
	for _, item := range items {
		code, _ := at(item, "error", "code").(float64)
		got = append(got, fmt.Sprint(at(item, "action"), " ", code))
		if (at(item, "action") == "create") != (at(item, "identity") != nil) {
			t.Errorf("%v", item)
		}
	}
	want := []string{"create 0", "error 400", "error 409", "error 400", "error 400", "error 400", "create 0"}
	if diff := cmp.Diff(want, got); diff != "" || at(items[0], "patch_id") != "0b8e7f5d-4b6f-4f0d-9d0f-000000000000" {
		t.Errorf("%s %v", diff, answer)
	}
	taken := c.want(409, "PATCH", "/admin/identities", object{"identities": []object{create("b1@example.com"), create("B4@example.com")}})
	if items, _ := at(taken, "error", "details", "identities").([]any); len(items) != 2 {
		t.Errorf("%v", taken)
	}
	c.want(400, "PATCH", "/admin/identities", object{"identities": []object{create("b1@example.com"), create("nobody")}})
	c.want(200, "PATCH", "/admin/identities", object{"identities": []object{}})
	c.want(400, "PATCH", "/admin/identities", object{"identities": slices.Repeat([]object{create("x@example.com")}, 1001)})
	c.want(400, "PATCH", "/admin/identities", object{"identities": slices.Repeat([]object{create("x@example.com", "credentials", plain)}, 201)})
}

func TestSchemas(t *testing.T) {
	_, c := newClient(t)
	all, header := c.list("/schemas")
	if len(all) != 2 || all[0]["id"] != "default" || at(all[1], "schema", "properties", "traits") == nil || header.Get("X-Total-Count") != "2" {
		t.Errorf("%v", all)
	}
	first, header := c.list("/schemas?page_size=1")
	second, last := c.list(next(header))
	if len(first) != 1 || len(second) != 1 || second[0]["id"] != "phone" || next(last) != "" {
		t.Errorf("%v %v %v", first, header, second)
	}
	for _, id := range []string{"phone", "cGhvbmU"} {
		_, raw := c.do("GET", "/schemas/"+id, nil)
		if !jsonEqual(t, raw, []byte(phoneSchema)) {
			t.Errorf("%s: %s", id, raw)
		}
	}
	c.want(404, "GET", "/schemas/x", nil)
	c.want(404, "GET", "/schemas/***", nil)
	c.want(400, "GET", "/schemas?page_token=x", nil)
	if beyond, _ := c.list("/schemas?page=9223372036854775807&per_page=500"); len(beyond) != 0 {
		t.Errorf("behind all pages are %v", beyond)
	}
}

func jsonEqual(t *testing.T, a, b []byte) bool {
	t.Helper()
	return cmp.Equal(decodeObject(t, a), decodeObject(t, b))
}

// Two who change the same identity at once: a patch is applied to what is there then.
func TestPatchesAtOnce(t *testing.T) {
	testkit.EachDB(t, "management", func(t *testing.T, db *sqldb.DB) {
		f := newFixture(t, db)
		id := f.add(t, &identity.Identity{Traits: []byte(`{"email":"at@example.com","name":{}}`)}).ID
		done := make(chan error)
		for _, name := range []string{"first", "last"} {
			go func() {
				_, err := f.admin.Patch(f.ctx, id, []byte(`[{"op":"add","path":"/traits/name/`+name+`","value":"x"}]`))
				done <- err
			}()
		}
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if got, err := f.store.Get(f.ctx, id); err != nil || got.Version != 3 || !strings.Contains(string(got.Traits), `"first"`) || !strings.Contains(string(got.Traits), `"last"`) {
			t.Errorf("%s %v", got.Traits, err)
		}
	})
}

func TestValidateNew(t *testing.T) {
	f, _ := newClient(t)
	for given, want := range map[string]string{
		`{"traits":{"email":"v@example.com"},"credentials":{"password":{"config":{"password":"x"}}}}`: "",
		`{"traits":{"email":"v"}}`: "traits.email",
		`{"traits":{"email":"v@example.com"},"credentials":{"password":{"config":{"hashed_password":"x"}}}}`: "hashed_password",
		`{"traits":{"email":"v@example.com"},"state":"x"}`:                                                   "state",
	} {
		var n identity.NewIdentity
		if err := json.Unmarshal([]byte(given), &n); err != nil {
			t.Fatal(err)
		}
		if err := f.admin.Validate(f.ctx, &n); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", given, err)
		}
	}
	if n, err := f.store.Count(f.ctx); n != 0 || err != nil {
		t.Errorf("%d %v", n, err)
	}
}
