package interop

import (
	"net/http"
	"strings"
	"testing"

	kratos "github.com/ory/kratos-client-go"
)

const unknownID = "8a1f7c1e-4d5b-4a39-9d53-2d6c5b0f9a10"

// What an operator does with one person.
func identities(t *testing.T, s *site) {
	ctx := t.Context()
	body := withPassword("Dora@example.com")
	body.SetMetadataAdmin(map[string]any{"ticket": "4711"})
	body.SetMetadataPublic(map[string]any{"plan": "gold"})
	body.AdditionalProperties = map[string]any{"external_id": "crm/17"}
	made := ok[*kratos.Identity](t)(s.people.CreateIdentity(ctx).CreateIdentityBody(body).Execute())
	if made.GetState() != "active" || made.AdditionalProperties["external_id"] != "crm/17" || made.MetadataAdmin.(map[string]any)["ticket"] != "4711" {
		t.Errorf("created %+v", made)
	}
	no[*kratos.Identity](t, http.StatusConflict, "")(s.people.CreateIdentity(ctx).CreateIdentityBody(body).Execute())
	in := ok[*kratos.SuccessfulNativeLogin](t)(s.signIn("dora@example.com", goodPassword))
	if in.Session.Identity.MetadataAdmin != nil || in.Session.Identity.MetadataPublic.(map[string]any)["plan"] != "gold" {
		t.Errorf("the person is shown %+v", in.Session.Identity)
	}

	got := ok[*kratos.Identity](t)(s.people.GetIdentity(ctx, made.Id).IncludeCredential([]string{"password"}).Execute())
	if (*got.Credentials)["password"].Config["hashed_password"] == nil {
		t.Errorf("got %+v", got.Credentials)
	}
	if bare := ok[*kratos.Identity](t)(s.people.GetIdentity(ctx, made.Id).Execute()); bare.Credentials != nil && (*bare.Credentials)["password"].Config["hashed_password"] != nil {
		t.Error("a hash was shown that nobody asked for")
	}
	by := &http.Client{Transport: checked{t}}
	var external kratos.Identity
	if s.ask(by, http.MethodGet, s.Admin+"/admin/identities/by/external/crm%2F17", nil, "", &external); external.Id != made.Id {
		t.Errorf("by its external id: %+v", external)
	}
	patch := func(op, path string, value any) kratos.JsonPatch {
		p := *kratos.NewJsonPatch(op, path)
		if value != nil {
			p.SetValue(value)
		}
		return p
	}
	patched := ok[*kratos.Identity](t)(s.people.PatchIdentity(ctx, made.Id).JsonPatch([]kratos.JsonPatch{
		patch("replace", "/traits/email", "dora.new@example.com"), patch("add", "/traits/name", map[string]any{"first": "Dora"}),
		patch("replace", "/external_id", "crm-18"), patch("remove", "/metadata_public/plan", nil),
	}).Execute())
	if patched.Traits.(map[string]any)["email"] != "dora.new@example.com" || patched.AdditionalProperties["external_id"] != "crm-18" {
		t.Errorf("patched %+v", patched)
	}
	if s.ask(by, http.MethodGet, s.Admin+"/admin/identities/by/external/crm-18", nil, "", &external); external.Id != made.Id {
		t.Errorf("by its external id: %+v", external)
	}
	if missing := s.ask(by, http.MethodGet, s.Admin+"/admin/identities/by/external/nobody", nil, "", nil); missing.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown external id is answered %d", missing.StatusCode)
	}
	for _, wrong := range [][]kratos.JsonPatch{
		{patch("replace", "/id", unknownID)}, {patch("replace", "/traits/email", "nothing")}, {patch("remove", "/traits/never", nil)},
		{patch("add", "/credentials", map[string]any{})},
	} {
		no[*kratos.Identity](t, http.StatusBadRequest, "")(s.people.PatchIdentity(ctx, made.Id).JsonPatch(wrong).Execute())
	}

	update := *kratos.NewUpdateIdentityBody("default", "inactive", map[string]any{"email": "dora.new@example.com"})
	if put := ok[*kratos.Identity](t)(s.people.UpdateIdentity(ctx, made.Id).UpdateIdentityBody(update).Execute()); put.GetState() != "inactive" || put.Traits.(map[string]any)["name"] != nil {
		t.Errorf("put %+v", put)
	}
	no[*kratos.SuccessfulNativeLogin](t, http.StatusBadRequest, "identity_disabled")(s.signIn("dora.new@example.com", goodPassword))
	no[*kratos.Session](t, http.StatusUnauthorized, "session_inactive")(s.front.ToSession(ctx).XSessionToken(in.GetSessionToken()).Execute())
	update.State, update.Traits = "active", map[string]any{"email": "nothing"}
	no[*kratos.Identity](t, http.StatusBadRequest, "")(s.people.UpdateIdentity(ctx, made.Id).UpdateIdentityBody(update).Execute())
	update.SchemaId = "unknown"
	no[*kratos.Identity](t, http.StatusBadRequest, "")(s.people.UpdateIdentity(ctx, made.Id).UpdateIdentityBody(update).Execute())

	yes(t)(s.people.DeleteIdentity(ctx, made.Id).Execute())
	no[*kratos.Identity](t, http.StatusNotFound, "")(s.people.GetIdentity(ctx, made.Id).Execute())
	nothing(t, http.StatusNotFound, "")(s.people.DeleteIdentity(ctx, made.Id).Execute())
	no[*kratos.Identity](t, http.StatusNotFound, "")(s.people.UpdateIdentity(ctx, unknownID).UpdateIdentityBody(*kratos.NewUpdateIdentityBody("default", "active", map[string]any{"email": "x@example.com"})).Execute())
	no[*kratos.Identity](t, http.StatusNotFound, "")(s.people.PatchIdentity(ctx, unknownID).JsonPatch([]kratos.JsonPatch{patch("replace", "/state", "inactive")}).Execute())
}

// Lists: pages, and each filter.
func lists(t *testing.T, s *site) {
	ctx := t.Context()
	var ids []string
	for _, email := range []string{"list1@lists.example.com", "list2@lists.example.com", "list3@lists.example.com"} {
		ids = append(ids, s.create(email).Id)
	}
	seen := map[string]bool{}
	token, pages := "", 0
	for {
		ask := s.people.ListIdentities(ctx).PageSize(2)
		if token != "" {
			ask = ask.PageToken(token)
		}
		page, resp, err := ask.Execute()
		if err != nil {
			t.Fatal(told(err))
		}
		for _, who := range page {
			if seen[who.Id] {
				t.Errorf("%s is on two pages", who.Id)
			}
			seen[who.Id] = true
		}
		pages++
		if token = nextToken(t, resp.Header); token == "" || pages > 100 {
			break
		}
	}
	for _, id := range ids {
		if !seen[id] {
			t.Errorf("%s is on no page", id)
		}
	}
	if pages < 2 {
		t.Errorf("%d pages", pages)
	}
	if found := ok[[]kratos.Identity](t)(s.people.ListIdentities(ctx).Ids(ids[:2]).Execute()); len(found) != 2 {
		t.Errorf("%d by id", len(found))
	}
	if found := ok[[]kratos.Identity](t)(s.people.ListIdentities(ctx).CredentialsIdentifier("LIST2@lists.example.com").Execute()); len(found) != 1 || found[0].Id != ids[1] {
		t.Errorf("by identifier: %+v", found)
	}
	if found := ok[[]kratos.Identity](t)(s.people.ListIdentities(ctx).PreviewCredentialsIdentifierSimilar("list3@lists").Execute()); len(found) != 1 || found[0].Id != ids[2] {
		t.Errorf("by a part of the identifier: %+v", found)
	}
	if found := ok[[]kratos.Identity](t)(s.people.ListIdentities(ctx).Ids(ids[:1]).IncludeCredential([]string{"password"}).Execute()); len(found) != 1 || (*found[0].Credentials)["password"].Config["hashed_password"] == nil {
		t.Errorf("with credentials: %+v", found)
	}
	if found := ok[[]kratos.Identity](t)(s.people.ListIdentities(ctx).OrganizationId(unknownID).Execute()); len(found) != 0 {
		t.Errorf("of an organization that nobody is in: %+v", found)
	}
	numbered := ok[[]kratos.Identity](t)(s.people.ListIdentities(ctx).Page(2).PerPage(1).Execute())
	if before := ok[[]kratos.Identity](t)(s.people.ListIdentities(ctx).Page(1).PerPage(1).Execute()); len(numbered) != 1 || len(before) != 1 || before[0].Id == numbered[0].Id {
		t.Errorf("by page numbers: %+v, then %+v", before, numbered)
	}
	no[[]kratos.Identity](t, http.StatusBadRequest, "")(s.people.ListIdentities(ctx).IncludeCredential([]string{"fingerprint"}).Execute())
	no[[]kratos.Identity](t, http.StatusBadRequest, "")(s.people.ListIdentities(ctx).Ids(ids).CredentialsIdentifier("list1@lists.example.com").Execute())
	no[[]kratos.Identity](t, http.StatusBadRequest, "")(s.people.ListIdentities(ctx).Ids([]string{"no-uuid"}).Execute())
	no[[]kratos.Identity](t, http.StatusBadRequest, "")(s.people.ListIdentities(ctx).PageToken("made-up").Execute())
}

// Credentials are imported, and taken away.
func credentials(t *testing.T, s *site) {
	ctx := t.Context()
	body := *kratos.NewCreateIdentityBody("default", map[string]any{"email": "import@example.com"})
	config := kratos.IdentityWithCredentialsPasswordConfig{}
	// htpasswd -nbBC 10 x 'correct horse battery'
	config.SetHashedPassword("$2y$10$odvCILgi5v8tHDTU/eyane.eAsz/0wIFh98VXZrZx6jhzv9gRBcW6")
	body.SetCredentials(kratos.IdentityWithCredentials{Password: &kratos.IdentityWithCredentialsPassword{Config: &config}})
	made, _, err := s.people.CreateIdentity(ctx).CreateIdentityBody(body).Execute()
	if err != nil {
		t.Fatal(told(err))
	}
	ok[*kratos.SuccessfulNativeLogin](t)(s.signIn("import@example.com", "correct horse battery"))
	config.SetHashedPassword("no hash at all")
	body.Traits["email"] = "import2@example.com"
	no[*kratos.Identity](t, http.StatusBadRequest, "")(s.people.CreateIdentity(ctx).CreateIdentityBody(body).Execute())

	nothing(t, http.StatusNotFound, "")(s.people.DeleteIdentityCredentials(ctx, made.Id, "fingerprint").Execute())
	nothing(t, http.StatusNotFound, "")(s.people.DeleteIdentityCredentials(ctx, made.Id, "totp").Execute())
	nothing(t, http.StatusNotFound, "")(s.people.DeleteIdentityCredentials(ctx, unknownID, "totp").Execute())
	nothing(t, http.StatusBadRequest, "")(s.people.DeleteIdentityCredentials(ctx, made.Id, "password").Execute()) // nothing would be left to sign in with
	oidc := withPassword("oidc@example.com")
	oidc.Credentials.Oidc = &kratos.IdentityWithCredentialsOidc{Config: &kratos.IdentityWithCredentialsOidcConfig{
		Providers: []kratos.IdentityWithCredentialsOidcConfigProvider{{Provider: "github", Subject: "42"}, {Provider: "google", Subject: "43"}},
	}}
	oidc.VerifiableAddresses = []kratos.VerifiableIdentityAddress{{Value: "oidc@example.com", Verified: true, Via: "email", Status: "completed"}}
	linked := ok[*kratos.Identity](t)(s.people.CreateIdentity(ctx).CreateIdentityBody(oidc).Execute())
	if len(linked.VerifiableAddresses) != 1 || !linked.VerifiableAddresses[0].Verified {
		t.Errorf("an address that was imported as verified: %+v", linked.VerifiableAddresses)
	}
	yes(t)(s.people.DeleteIdentityCredentials(ctx, linked.Id, "oidc").Identifier("github:42").Execute())
	left := ok[*kratos.Identity](t)(s.people.GetIdentity(ctx, linked.Id).IncludeCredential([]string{"oidc"}).Execute())
	if got := strings.Join((*left.Credentials)["oidc"].Identifiers, " "); got != "google:43" {
		t.Errorf("left are %q", got)
	}

	// With a person's other data an administrator sets a password.
	update := *kratos.NewUpdateIdentityBody("default", "active", map[string]any{"email": "oidc@example.com"})
	fresh := kratos.IdentityWithCredentialsPasswordConfig{}
	fresh.SetPassword(goodPassword + "-set")
	update.SetCredentials(kratos.IdentityWithCredentials{Password: &kratos.IdentityWithCredentialsPassword{Config: &fresh}})
	ok[*kratos.Identity](t)(s.people.UpdateIdentity(ctx, linked.Id).UpdateIdentityBody(update).Execute())
	ok[*kratos.SuccessfulNativeLogin](t)(s.signIn("oidc@example.com", goodPassword+"-set"))
	no[*kratos.SuccessfulNativeLogin](t, http.StatusBadRequest, "")(s.signIn("oidc@example.com", goodPassword))
	if kept := ok[*kratos.Identity](t)(s.people.GetIdentity(ctx, linked.Id).Execute()); !kept.VerifiableAddresses[0].Verified {
		t.Error("the address has to be verified again")
	}
	yes(t)(s.people.DeleteIdentityCredentials(ctx, linked.Id, "password").Execute())
}

// Many at once: what is wrong with one does not keep the others.
func batch(t *testing.T, s *site) {
	ctx := t.Context()
	taken := s.create("b0@example.com")
	patches := kratos.PatchIdentitiesBody{}
	ids := []string{"0d4c1d8e-5a5e-4e8e-8d5c-000000000001", "0d4c1d8e-5a5e-4e8e-8d5c-000000000002", "0d4c1d8e-5a5e-4e8e-8d5c-000000000003", "0d4c1d8e-5a5e-4e8e-8d5c-000000000004"}
	for i, email := range []string{"b1@example.com", "b0@example.com", "no address", "b2@example.com"} {
		create := *kratos.NewCreateIdentityBody("default", map[string]any{"email": email})
		patches.Identities = append(patches.Identities, kratos.IdentityPatch{Create: &create, PatchId: &ids[i]})
	}
	result := ok[*kratos.BatchPatchIdentitiesResponse](t)(s.people.BatchPatchIdentities(ctx).PatchIdentitiesBody(patches).Execute())
	var actions []string
	for i, r := range result.Identities {
		actions = append(actions, r.GetAction())
		if r.GetPatchId() != ids[i] {
			t.Errorf("patch %d is called %s", i, r.GetPatchId())
		}
		if r.GetAction() == "create" {
			ok[*kratos.Identity](t)(s.people.GetIdentity(ctx, r.GetIdentity()).Execute())
		}
	}
	if strings.Join(actions, " ") != "create error error create" {
		t.Errorf("the batch: %v", actions)
	}
	ok[*kratos.Identity](t)(s.people.GetIdentity(ctx, taken.Id).Execute())
}

// The queue of messages.
func mails(t *testing.T, s *site) {
	ctx := t.Context()
	for _, email := range []string{"m1@example.com", "m2@example.com"} {
		s.create(email)
		flow := ok[*kratos.VerificationFlow](t)(s.front.CreateNativeVerificationFlow(ctx).Execute())
		ok[*kratos.VerificationFlow](t)(s.verifyBy(flow.Id, &kratos.UpdateVerificationFlowWithCodeMethod{Email: &email}))
	}
	page, resp, err := s.mails.ListCourierMessages(ctx).PageSize(1).Status(kratos.COURIERMESSAGESTATUS_QUEUED).Execute()
	if err != nil || len(page) != 1 || page[0].Recipient != "m2@example.com" || page[0].Type != kratos.COURIERMESSAGETYPE_EMAIL || page[0].GetChannel() != "email" {
		t.Fatalf("the newest message: %+v, %v", page, err)
	}
	next := ok[[]kratos.Message](t)(s.mails.ListCourierMessages(ctx).PageSize(1).Status(kratos.COURIERMESSAGESTATUS_QUEUED).PageToken(nextToken(t, resp.Header)).Execute())
	if len(next) != 1 || next[0].Recipient != "m1@example.com" {
		t.Errorf("the one before: %+v", next)
	}
	if sent := ok[[]kratos.Message](t)(s.mails.ListCourierMessages(ctx).Status(kratos.COURIERMESSAGESTATUS_ABANDONED).Execute()); len(sent) != 0 {
		t.Errorf("given up: %+v", sent)
	}
	one := ok[*kratos.Message](t)(s.mails.GetCourierMessage(ctx, page[0].Id).Execute())
	if one.Subject == "" || one.TemplateType != "verification_code_valid" {
		t.Errorf("one message: %+v", one)
	}
	no[*kratos.Message](t, http.StatusNotFound, "")(s.mails.GetCourierMessage(ctx, unknownID).Execute())
	no[*kratos.Message](t, http.StatusBadRequest, "")(s.mails.GetCourierMessage(ctx, "no-uuid").Execute())
	no[[]kratos.Message](t, http.StatusBadRequest, "")(s.mails.ListCourierMessages(ctx).PageToken("made-up").Execute())
	by := &http.Client{Transport: checked{t}}
	if wrong := s.ask(by, http.MethodGet, s.Admin+"/admin/courier/messages?status=lost", nil, "", nil); wrong.StatusCode != http.StatusBadRequest {
		t.Errorf("an unknown status is answered %d", wrong.StatusCode)
	}
}

// Schemas are for everybody.
func schemas(t *testing.T, s *site) {
	ctx := t.Context()
	all := ok[[]kratos.IdentitySchemaContainer](t)(s.schemas.ListIdentitySchemas(ctx).Execute())
	if len(all) != 1 || all[0].GetId() != "default" {
		t.Fatalf("schemas: %+v", all)
	}
	one := ok[map[string]any](t)(s.schemas.GetIdentitySchema(ctx, "default").Execute())
	if one["properties"] == nil || one["$id"] == nil && one["$schema"] == nil {
		t.Errorf("the schema: %v", one)
	}
	no[map[string]any](t, http.StatusNotFound, "")(s.schemas.GetIdentitySchema(ctx, "unknown").Execute())
	who := s.create("schema@example.com")
	by := &http.Client{Transport: checked{t}}
	if resp := s.ask(by, http.MethodGet, who.SchemaUrl, nil, "", nil); resp.StatusCode != http.StatusOK {
		t.Errorf("schema_url %s answers %d", who.SchemaUrl, resp.StatusCode)
	}
}
