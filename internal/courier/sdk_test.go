package courier

import (
	"net/http"
	"net/http/httptest"
	"testing"

	kratos "github.com/ory/kratos-client-go"

	"github.com/gatehouse-iam/gatehouse/internal/testkit"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// Ory's own client reads what the admin API says, with all that it checks.
func TestSDK(t *testing.T) {
	f := newFixture(t, testkit.SQLite(t, "management"), viaHTTP(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
	}))
	for _, name := range templates() {
		f.queue(t, Message{Channel: Email, Recipient: "anna@example.com", Template: name, Data: dataFor(name)})
	}
	f.queue(t, Message{Channel: SMS, Recipient: "+491701234567", Template: LoginCodeValid, Data: dataFor(LoginCodeValid)})
	list, err := f.store.due(f.ctx, []string{Email}, 1)
	if err != nil {
		t.Fatal(err)
	}
	f.attempt(f.ctx, list[0], f.channels[Email].open())

	mux := web.NewMux(web.KratosErrors, web.Options{})
	(&Handler{Courier: f.Courier, Ring: testkit.Ring(t)}).MountAdmin(mux)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	config := kratos.NewConfiguration()
	config.Servers = kratos.ServerConfigurations{{URL: server.URL}}
	api := kratos.NewAPIClient(config).CourierAPI

	all, res, err := api.ListCourierMessages(t.Context()).Execute()
	if err != nil || len(all) != len(templates())+1 || res.Header.Get("Link") == "" {
		t.Fatalf("%d messages, %v", len(all), err)
	}
	if m := all[0]; m.Type != kratos.COURIERMESSAGETYPE_PHONE || m.GetChannel() != "sms" || m.Recipient != "+491701234567" || m.Subject != "" {
		t.Errorf("%+v", m)
	}
	queued, _, err := api.ListCourierMessages(t.Context()).Status(kratos.COURIERMESSAGESTATUS_QUEUED).Recipient("anna@example.com").PageSize(3).Execute()
	if err != nil || len(queued) != 3 {
		t.Errorf("%d messages, %v", len(queued), err)
	}
	one, _, err := api.GetCourierMessage(t.Context(), list[0].ID).Execute()
	if err != nil {
		t.Fatal(err)
	}
	if len(one.Dispatches) != 1 || one.Dispatches[0].Status != "failed" || one.Dispatches[0].Error["reason"] == nil || one.SendCount != 1 ||
		one.Status != kratos.COURIERMESSAGESTATUS_QUEUED || one.CreatedAt.IsZero() {
		t.Errorf("%+v", one)
	}
	if _, res, err := api.GetCourierMessage(t.Context(), "00000000-0000-0000-0000-000000000000").Execute(); err == nil || res.StatusCode != http.StatusNotFound {
		t.Errorf("%v", err)
	}
}
