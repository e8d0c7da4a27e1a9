package ui

import (
	"encoding/json"
	"fmt"
	"time"
)

// The shapes below are the wire format: which keys a document has, and in which order, is decided here and nowhere else.

// inputJSON and the following are the attributes of each type of node.
type inputJSON struct {
	Name           string   `json:"name"`
	Type           string   `json:"type"`
	Value          any      `json:"value,omitempty"`
	Required       bool     `json:"required,omitempty"`
	Autocomplete   string   `json:"autocomplete,omitempty"`
	Label          *Text    `json:"label,omitempty"`
	Pattern        string   `json:"pattern,omitempty"`
	Disabled       bool     `json:"disabled"`
	OnClick        string   `json:"onclick,omitempty"`
	OnClickTrigger string   `json:"onclickTrigger,omitempty"`
	OnLoad         string   `json:"onload,omitempty"`
	OnLoadTrigger  string   `json:"onloadTrigger,omitempty"`
	MaxLength      int      `json:"maxlength,omitempty"`
	Options        []Choice `json:"options,omitempty"`
	NodeType       string   `json:"node_type"`
}

type textJSON struct {
	Text     *Text  `json:"text"`
	ID       string `json:"id"`
	NodeType string `json:"node_type"`
}

type imageJSON struct {
	Src      string `json:"src"`
	ID       string `json:"id"`
	Width    int    `json:"width"`
	Height   int    `json:"height"`
	NodeType string `json:"node_type"`
}

type anchorJSON struct {
	Href     string `json:"href"`
	Title    *Text  `json:"title"`
	ID       string `json:"id"`
	NodeType string `json:"node_type"`
}

type scriptJSON struct {
	Src            string `json:"src"`
	Async          bool   `json:"async"`
	ReferrerPolicy string `json:"referrerpolicy"`
	CrossOrigin    string `json:"crossorigin"`
	Integrity      string `json:"integrity"`
	Type           string `json:"type"`
	ID             string `json:"id"`
	Nonce          string `json:"nonce"`
	NodeType       string `json:"node_type"`
}

type divJSON struct {
	Class    string            `json:"class,omitempty"`
	ID       string            `json:"id"`
	Data     map[string]string `json:"data,omitempty"`
	NodeType string            `json:"node_type"`
}

// attributesRead has the keys of every type, so that a document is gone through once.
type attributesRead struct {
	inputJSON

	Text           *Text             `json:"text"`
	ID             string            `json:"id"`
	Src            string            `json:"src"`
	Width          int               `json:"width"`
	Height         int               `json:"height"`
	Href           string            `json:"href"`
	Title          *Text             `json:"title"`
	Async          bool              `json:"async"`
	ReferrerPolicy string            `json:"referrerpolicy"`
	CrossOrigin    string            `json:"crossorigin"`
	Integrity      string            `json:"integrity"`
	Nonce          string            `json:"nonce"`
	Class          string            `json:"class"`
	Data           map[string]string `json:"data"`
}

// wire returns the attributes of the node type and no others.
func (a *Attributes) wire() (any, error) {
	switch a.NodeType {
	case TypeInput:
		return &inputJSON{
			Name: a.Name, Type: a.Type, Value: a.Value, Required: a.Required, Autocomplete: a.Autocomplete, Label: a.Label,
			Pattern: a.Pattern, Disabled: a.Disabled, OnClick: a.OnClick, OnClickTrigger: a.OnClickTrigger, OnLoad: a.OnLoad,
			OnLoadTrigger: a.OnLoadTrigger, MaxLength: a.MaxLength, Options: a.Options, NodeType: a.NodeType,
		}, nil
	case TypeText:
		return &textJSON{Text: a.Text, ID: a.ID, NodeType: a.NodeType}, nil
	case TypeImage:
		return &imageJSON{Src: a.Src, ID: a.ID, Width: a.Width, Height: a.Height, NodeType: a.NodeType}, nil
	case TypeAnchor:
		return &anchorJSON{Href: a.Href, Title: a.Title, ID: a.ID, NodeType: a.NodeType}, nil
	case TypeScript:
		return &scriptJSON{
			Src: a.Src, Async: a.Async, ReferrerPolicy: a.ReferrerPolicy, CrossOrigin: a.CrossOrigin, Integrity: a.Integrity,
			Type: a.Type, ID: a.ID, Nonce: a.Nonce, NodeType: a.NodeType,
		}, nil
	case TypeDiv:
		return &divJSON{Class: a.Class, ID: a.ID, Data: a.Data, NodeType: a.NodeType}, nil
	default:
		return nil, fmt.Errorf("ui: a node of type %q cannot be written", a.NodeType)
	}
}

// attributes keeps what the type of node has.
func (r *attributesRead) attributes() (*Attributes, error) {
	switch r.NodeType {
	case TypeInput:
		return &Attributes{
			NodeType: TypeInput, Name: r.Name, Type: r.Type, Value: r.Value, Required: r.Required, Autocomplete: r.Autocomplete,
			Label: r.Label, Pattern: r.Pattern, Disabled: r.Disabled, OnClick: r.OnClick, OnClickTrigger: r.OnClickTrigger,
			OnLoad: r.OnLoad, OnLoadTrigger: r.OnLoadTrigger, MaxLength: r.MaxLength, Options: r.Options,
		}, nil
	case TypeText:
		return &Attributes{NodeType: TypeText, Text: r.Text, ID: r.ID}, nil
	case TypeImage:
		return &Attributes{NodeType: TypeImage, Src: r.Src, ID: r.ID, Width: r.Width, Height: r.Height}, nil
	case TypeAnchor:
		return &Attributes{NodeType: TypeAnchor, Href: r.Href, Title: r.Title, ID: r.ID}, nil
	case TypeScript:
		return &Attributes{
			NodeType: TypeScript, Src: r.Src, Async: r.Async, ReferrerPolicy: r.ReferrerPolicy, CrossOrigin: r.CrossOrigin,
			Integrity: r.Integrity, Type: r.Type, ID: r.ID, Nonce: r.Nonce,
		}, nil
	case TypeDiv:
		return &Attributes{NodeType: TypeDiv, Class: r.Class, ID: r.ID, Data: r.Data}, nil
	default:
		return nil, fmt.Errorf("ui: a node of type %q cannot be read", r.NodeType)
	}
}

// MarshalJSON writes the attributes of the node type and no others.
func (a Attributes) MarshalJSON() ([]byte, error) {
	doc, err := a.wire()
	if err != nil {
		return nil, err
	}
	return json.Marshal(doc)
}

// UnmarshalJSON reads the attributes of every type of node; node_type says which it is.
func (a *Attributes) UnmarshalJSON(data []byte) error {
	var doc attributesRead
	if err := json.Unmarshal(data, &doc); err != nil {
		return err
	}
	read, err := doc.attributes()
	if err == nil {
		*a = *read
	}
	return err
}

// flowJSON has the keys of all flows; those that not every kind has are left out when they are zero.
type flowJSON struct {
	ID                       string          `json:"id"`
	OAuth2LoginChallenge     string          `json:"oauth2_login_challenge,omitempty"`
	OAuth2LoginRequest       any             `json:"oauth2_login_request,omitempty"`
	Type                     string          `json:"type"`
	ExpiresAt                time.Time       `json:"expires_at"`
	IssuedAt                 time.Time       `json:"issued_at"`
	RequestURL               string          `json:"request_url"`
	ReturnTo                 string          `json:"return_to,omitempty"`
	Active                   string          `json:"active,omitempty"`
	UI                       formJSON        `json:"ui"`
	CreatedAt                time.Time       `json:"created_at,omitzero"`
	UpdatedAt                time.Time       `json:"updated_at,omitzero"`
	Refresh                  *bool           `json:"refresh,omitempty"`
	RequestedAAL             string          `json:"requested_aal,omitempty"`
	Identity                 any             `json:"identity,omitempty"`
	State                    string          `json:"state"`
	SessionTokenExchangeCode string          `json:"session_token_exchange_code,omitempty"`
	ContinueWith             []ContinueWith  `json:"continue_with,omitempty"`
	TransientPayload         json.RawMessage `json:"transient_payload,omitempty"`
	OrganizationID           json.RawMessage `json:"organization_id,omitempty"`
	IdentitySchema           string          `json:"identity_schema,omitempty"`
}

// MarshalJSON writes the keys that the kind of flow has.
func (f Flow) MarshalJSON() ([]byte, error) {
	doc := flowJSON{
		ID: f.ID, Type: f.Type, ExpiresAt: f.ExpiresAt, IssuedAt: f.IssuedAt, RequestURL: f.RequestURL, ReturnTo: f.ReturnTo,
		Active: f.Active, State: f.State, TransientPayload: f.TransientPayload,
	}
	var err error
	if doc.UI, err = f.UI.wire(); err != nil {
		return nil, err
	}
	if f.Kind == Login || f.Kind == Registration {
		doc.OAuth2LoginChallenge, doc.OAuth2LoginRequest = f.OAuth2LoginChallenge, f.OAuth2LoginRequest
		doc.SessionTokenExchangeCode, doc.IdentitySchema = f.SessionTokenExchangeCode, f.IdentitySchema
	}
	if f.Kind == Login || f.Kind == Registration || f.Kind == Settings {
		// The organization is null, not missing, where there is none.
		if doc.OrganizationID, err = json.Marshal(f.OrganizationID); err != nil {
			return nil, err
		}
	}
	switch f.Kind {
	case Login:
		doc.Refresh, doc.RequestedAAL = &f.Refresh, f.RequestedAAL
		doc.CreatedAt, doc.UpdatedAt = f.CreatedAt, f.UpdatedAt
	case Settings:
		doc.Identity, doc.ContinueWith = f.Identity, f.ContinueWith
	case Recovery:
		doc.ContinueWith = f.ContinueWith
	case Registration, Verification:
	default:
		return nil, fmt.Errorf("ui: a flow of kind %q has no document", f.Kind)
	}
	return json.Marshal(doc)
}
