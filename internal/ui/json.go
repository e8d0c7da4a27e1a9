package ui

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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

// MarshalJSON writes the attributes of the node type and no others.
func (a Attributes) MarshalJSON() ([]byte, error) {
	switch a.NodeType {
	case TypeInput:
		return json.Marshal(inputJSON{
			Name: a.Name, Type: a.Type, Value: a.Value, Required: a.Required, Autocomplete: a.Autocomplete, Label: a.Label,
			Pattern: a.Pattern, Disabled: a.Disabled, OnClick: a.OnClick, OnClickTrigger: a.OnClickTrigger, OnLoad: a.OnLoad,
			OnLoadTrigger: a.OnLoadTrigger, MaxLength: a.MaxLength, Options: a.Options, NodeType: a.NodeType,
		})
	case TypeText:
		return json.Marshal(textJSON{Text: a.Text, ID: a.ID, NodeType: a.NodeType})
	case TypeImage:
		return json.Marshal(imageJSON{Src: a.Src, ID: a.ID, Width: a.Width, Height: a.Height, NodeType: a.NodeType})
	case TypeAnchor:
		return json.Marshal(anchorJSON{Href: a.Href, Title: a.Title, ID: a.ID, NodeType: a.NodeType})
	case TypeScript:
		return json.Marshal(scriptJSON{
			Src: a.Src, Async: a.Async, ReferrerPolicy: a.ReferrerPolicy, CrossOrigin: a.CrossOrigin, Integrity: a.Integrity,
			Type: a.Type, ID: a.ID, Nonce: a.Nonce, NodeType: a.NodeType,
		})
	case TypeDiv:
		return json.Marshal(divJSON{Class: a.Class, ID: a.ID, Data: a.Data, NodeType: a.NodeType})
	default:
		return nil, fmt.Errorf("ui: a node of type %q cannot be written", a.NodeType)
	}
}

// UnmarshalJSON reads the attributes of every type of node; node_type says which it is.
func (a *Attributes) UnmarshalJSON(data []byte) error {
	var head struct {
		NodeType string `json:"node_type"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return err
	}
	switch head.NodeType {
	case TypeInput:
		return a.readInput(data)
	case TypeText:
		var v textJSON
		err := json.Unmarshal(data, &v)
		*a = Attributes{NodeType: TypeText, Text: v.Text, ID: v.ID}
		return err
	case TypeImage:
		var v imageJSON
		err := json.Unmarshal(data, &v)
		*a = Attributes{NodeType: TypeImage, Src: v.Src, ID: v.ID, Width: v.Width, Height: v.Height}
		return err
	case TypeAnchor:
		var v anchorJSON
		err := json.Unmarshal(data, &v)
		*a = Attributes{NodeType: TypeAnchor, Href: v.Href, Title: v.Title, ID: v.ID}
		return err
	case TypeScript:
		return a.readScript(data)
	case TypeDiv:
		var v divJSON
		err := json.Unmarshal(data, &v)
		*a = Attributes{NodeType: TypeDiv, Class: v.Class, ID: v.ID, Data: v.Data}
		return err
	default:
		return fmt.Errorf("ui: a node of type %q cannot be read", head.NodeType)
	}
}

func (a *Attributes) readInput(data []byte) error {
	var v inputJSON
	err := json.Unmarshal(data, &v)
	*a = Attributes{
		NodeType: TypeInput, Name: v.Name, Type: v.Type, Value: v.Value, Required: v.Required, Autocomplete: v.Autocomplete,
		Label: v.Label, Pattern: v.Pattern, Disabled: v.Disabled, OnClick: v.OnClick, OnClickTrigger: v.OnClickTrigger,
		OnLoad: v.OnLoad, OnLoadTrigger: v.OnLoadTrigger, MaxLength: v.MaxLength, Options: v.Options,
	}
	return err
}

func (a *Attributes) readScript(data []byte) error {
	var v scriptJSON
	err := json.Unmarshal(data, &v)
	*a = Attributes{
		NodeType: TypeScript, Src: v.Src, Async: v.Async, ReferrerPolicy: v.ReferrerPolicy, CrossOrigin: v.CrossOrigin,
		Integrity: v.Integrity, Type: v.Type, ID: v.ID, Nonce: v.Nonce,
	}
	return err
}

// nodeJSON is Node without its methods.
type nodeJSON Node

// MarshalJSON writes all five keys, whatever the node has.
func (n Node) MarshalJSON() ([]byte, error) {
	if n.Attributes == nil {
		return nil, fmt.Errorf("ui: a node of group %q has no attributes", n.Group)
	}
	n.Type = n.Attributes.NodeType
	if n.Messages == nil {
		n.Messages = []Text{}
	}
	return json.Marshal(nodeJSON(n))
}

// UnmarshalJSON reads a node; its type is the one of its attributes.
func (n *Node) UnmarshalJSON(data []byte) error {
	var v nodeJSON
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	if v.Attributes == nil {
		return fmt.Errorf("ui: a node of group %q has no attributes", v.Group)
	}
	*n = Node(v)
	n.Type = n.Attributes.NodeType
	if len(n.Messages) == 0 {
		n.Messages = nil
	}
	return nil
}

// formJSON is Form without its methods.
type formJSON Form

// MarshalJSON writes an empty list where there are no nodes.
func (f Form) MarshalJSON() ([]byte, error) {
	if f.Nodes == nil {
		f.Nodes = []*Node{}
	}
	return json.Marshal(formJSON(f))
}

// UnmarshalJSON reads a form; there is no null among its nodes.
func (f *Form) UnmarshalJSON(data []byte) error {
	var v formJSON
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	if slices.Contains(v.Nodes, nil) {
		return errors.New("ui: a node is null")
	}
	*f = Form(v)
	return nil
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
	UI                       Form            `json:"ui"`
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
		Active: f.Active, UI: f.UI, State: f.State, TransientPayload: f.TransientPayload,
	}
	if f.Kind == Login || f.Kind == Registration {
		doc.OAuth2LoginChallenge, doc.OAuth2LoginRequest = f.OAuth2LoginChallenge, f.OAuth2LoginRequest
		doc.SessionTokenExchangeCode, doc.IdentitySchema = f.SessionTokenExchangeCode, f.IdentitySchema
	}
	if f.Kind == Login || f.Kind == Registration || f.Kind == Settings {
		var err error
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
