package selfservice

import (
	"net/http"

	"github.com/gatehouse-iam/gatehouse/internal/tenant"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// deviceCookie begins like all of this server's own, so that hooks are not told of it.
const deviceCookie = "gatehouse_known_device"

// devices reads the names that the browser is known for; nil for apps, which keep no cookies, and where none is to be known.
func (h *Handler) devices(r *http.Request, typ string) *devices {
	keep := h.Limits.KnownDevice()
	of, ok := tenant.From(r.Context())
	if typ == ui.TypeAPI || keep == 0 || !ok || h.Cookies.Ring == nil {
		return nil
	}
	d := &devices{tenant: of}
	if text, ok := h.Cookies.ReadSealed(r, deviceCookie); ok {
		d.decode(text, h.Now().Add(-keep))
	}
	return d
}

// rememberDevice lets the browser be known for what was proved with it. Without that the person is signed in all the same.
func (h *Handler) rememberDevice(w http.ResponseWriter, r *http.Request, in *Submission) {
	if in.devices == nil || !in.devices.prove(h.Now()) {
		return
	}
	if err := h.Cookies.SetSealed(w, r, deviceCookie, in.devices.encode(), web.CookieOptions{MaxAge: h.Limits.KnownDevice()}); err != nil {
		web.Record(r.Context(), err)
	}
}
