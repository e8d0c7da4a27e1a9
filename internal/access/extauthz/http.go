package extauthz

import (
	"context"
	"encoding/pem"
	"maps"
	"net/http"
	"net/netip"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"connectrpc.com/connect"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/door"
	"github.com/gatehouse-iam/gatehouse/internal/fault"
	"github.com/gatehouse-iam/gatehouse/internal/web"
)

// Method is the path of the gRPC method.
const Method = "/envoy.service.auth.v3.Authorization/Check"

// maxMessage bounds a question, in bytes: Envoy sends the body along where it is told to.
const maxMessage = 4 << 20

// Handler answers Envoy.
type Handler struct {
	Door door.Door
}

// Serve is the door's handler. It speaks gRPC alone.
func (h *Handler) Serve() web.HandlerFunc {
	serve := connect.NewUnaryHandler(Method, h.check, connect.WithReadMaxBytes(maxMessage))
	return func(w http.ResponseWriter, r *http.Request) error {
		if r.URL.Path != Method || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
			return errNotGRPC
		}
		serve.ServeHTTP(w, r)
		return nil
	}
}

var errNotGRPC = fault.New(fault.NotFound, "not_grpc", "This address answers gRPC calls of "+Method+" alone.")

func (h *Handler) check(ctx context.Context, question *connect.Request[CheckRequest]) (*connect.Response[CheckResponse], error) {
	q := read(ctx, question.Msg.GetAttributes())
	decision, request := h.Door.Decide(ctx, q), &q.Request
	h.Door.Answered(q, 0)
	if !decision.Allowed() {
		web.Record(ctx, decision.Err)
		return connect.NewResponse(denied(decision.Err.Kind, decision.Refuse(request))), nil
	}
	return connect.NewResponse(passed(request, decision)), nil
}

// read makes what rules see of the request that Envoy holds.
func read(ctx context.Context, a *AttributeContext) *door.Question {
	held := a.GetRequest().GetHttp()
	path, query, _ := strings.Cut(held.GetPath(), "?")
	header := fields(held)
	client, _ := netip.ParseAddr(a.GetSource().GetAddress().GetSocketAddress().GetAddress()) // none where Envoy listens on a socket
	return &door.Question{
		Asked: door.Asked{Method: held.GetMethod(), Scheme: held.GetScheme(), Host: held.GetHost(), Path: path, Query: query},
		Request: access.Request{
			Header: header, Client: client.Unmap(), ID: web.RequestID(ctx), Body: body(held, header), Unseen: unseen(held, header),
			Certificate: certificate(a.GetSource().GetCertificate()),
		},
	}
}

// certificate reads the certificate by which the client proved to Envoy who it is.
func certificate(escaped string) []byte {
	text, err := url.PathUnescape(escaped)
	if err != nil {
		return nil
	}
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE" {
		return nil
	}
	return block.Bytes
}

// fields gives the header by canonical names. Envoy tells it by one of two members, with HTTP/2's pseudo fields in it.
func fields(held *AttributeContext_HttpRequest) access.Header {
	header := make(access.Header, len(held.GetHeaders()))
	add := func(name, value string) {
		if !strings.HasPrefix(name, ":") {
			name = textproto.CanonicalMIMEHeaderKey(name)
			header[name] = append(header[name], value)
		}
	}
	for name, value := range held.GetHeaders() {
		add(name, value)
	}
	for _, f := range held.GetHeaderMap().GetHeaders() {
		if raw := f.GetRawValue(); len(raw) > 0 {
			add(f.GetKey(), string(raw))
		} else {
			add(f.GetKey(), f.GetValue())
		}
	}
	return header
}

// body gives what Envoy sends along of the body.
func body(held *AttributeContext_HttpRequest, header access.Header) func(limit int64) ([]byte, error) {
	return func(limit int64) ([]byte, error) {
		sent := sentBody(held)
		if int64(len(sent)) > limit || cut(held, header, len(sent)) {
			return nil, access.ErrBodyTooLarge
		}
		return sent, nil
	}
}

func sentBody(held *AttributeContext_HttpRequest) []byte {
	if raw := held.GetRawBody(); len(raw) > 0 {
		return raw
	}
	return []byte(held.GetBody())
}

// unseen reports whether there may be a body of which Envoy sends nothing: HTTP/2 and HTTP/3 have bodies of which no field tells (RFC 9113
// §8.1), HTTP/1 has none (RFC 9112 §6.3), and where a field tells of one, it was cut.
func unseen(held *AttributeContext_HttpRequest, header access.Header) bool {
	return len(sentBody(held)) == 0 && len(header["Content-Length"]) == 0 && !strings.HasPrefix(held.GetProtocol(), "HTTP/1")
}

// partialBody is where Envoy says whether it has cut a body at its max_request_bytes. It says nothing where it sends no bodies,
// and then it may be the client who does.
const partialBody = "X-Envoy-Auth-Partial-Body"

// cut reports whether the body is longer than what Envoy sent of it: then the application would get another one than was checked. Envoy
// knows the size of what it had received when it asked, and the client's own field how long the body will be.
func cut(held *AttributeContext_HttpRequest, header access.Header, sent int) bool {
	if held.GetSize() > int64(sent) || slices.Contains(header[partialBody], "true") {
		return true
	}
	for _, told := range header["Content-Length"] {
		if length, err := strconv.ParseUint(told, 10, 63); err != nil || length > uint64(sent) {
			return true
		}
	}
	_, asked := header[partialBody]
	return len(header["Transfer-Encoding"]) > 0 && (!asked || sent == 0)
}

// The words of google.rpc.Code.
const (
	permissionDenied = 7
	unauthenticated  = 16
)

func denied(kind fault.Kind, r access.Refusal) *CheckResponse {
	code := int32(permissionDenied)
	if kind == fault.Unauthenticated {
		code = unauthenticated
	}
	return &CheckResponse{
		Status: &Status{Code: code},
		HttpResponse: &CheckResponse_DeniedResponse{DeniedResponse: &DeniedHttpResponse{
			Status: &HttpStatus{Code: int32(r.Status)}, Headers: options(r.Header), Body: string(r.Body),
		}},
	}
}

func passed(request *access.Request, decision *access.Decision) *CheckResponse {
	told := decision.Upstream(request.Header)
	var remove []string
	for _, name := range decision.Withheld(nil, request, told) {
		remove = append(remove, strings.ToLower(name))
	}
	slices.Sort(remove)
	return &CheckResponse{
		Status:       &Status{},
		HttpResponse: &CheckResponse_OkResponse{OkResponse: &OkHttpResponse{Headers: options(told), HeadersToRemove: remove}},
	}
}

// options gives the fields in the order of their names: the first value of each takes the place of what is there.
func options(header access.Header) []*HeaderValueOption {
	var list []*HeaderValueOption
	for _, name := range slices.Sorted(maps.Keys(header)) {
		for i, value := range header[name] {
			action := HeaderValueOption_APPEND_IF_EXISTS_OR_ADD
			if i == 0 {
				action = HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD
			}
			list = append(list, &HeaderValueOption{Header: &HeaderValue{Key: strings.ToLower(name), Value: value}, AppendAction: action})
		}
	}
	return list
}
