package identity

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/message"
)

// keyword is the one under which a schema says what a trait is for.
const keyword = "ory.sh/kratos"

// extension is what a schema says under the keyword.
type extension struct {
	Credentials struct {
		Password struct {
			Identifier bool `json:"identifier"`
		} `json:"password"`
		WebAuthn struct {
			Identifier bool `json:"identifier"`
		} `json:"webauthn"`
		Passkey struct {
			DisplayName bool `json:"display_name"`
		} `json:"passkey"`
		TOTP struct {
			AccountName bool `json:"account_name"`
		} `json:"totp"`
		Code struct {
			Identifier bool   `json:"identifier"`
			Via        string `json:"via"`
		} `json:"code"`
	} `json:"credentials"`
	Verification struct {
		Via string `json:"via"`
	} `json:"verification"`
	Recovery struct {
		Via string `json:"via"`
	} `json:"recovery"`
	Organizations struct {
		Matcher string `json:"matcher"`
	} `json:"organizations"`
}

func compileExtension(_ *jsonschema.CompilerContext, obj map[string]any) (jsonschema.SchemaExt, error) {
	given, ok := obj[keyword]
	if !ok {
		return nil, nil
	}
	raw, err := json.Marshal(given)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	e := new(extension)
	if err := d.Decode(e); err != nil {
		return nil, fmt.Errorf("%q: %w", keyword, err)
	}
	return e, e.check()
}

func (e *extension) check() error {
	for where, via := range map[string]string{
		"credentials.code.via": e.Credentials.Code.Via, "verification.via": e.Verification.Via, "recovery.via": e.Recovery.Via,
	} {
		if via != "" && via != ViaEmail && via != ViaSMS {
			return fmt.Errorf("%q: %s is %q, not email or sms", keyword, where, via)
		}
	}
	if m := e.Organizations.Matcher; m != "" && m != "email_domain" {
		return fmt.Errorf("%q: organizations.matcher is %q, not email_domain", keyword, m)
	}
	return nil
}

// identifies lists the credential types of which the trait is an identifier.
func (e *extension) identifies() []string {
	var types []string
	if e.Credentials.Password.Identifier {
		types = append(types, Password)
	}
	if e.Credentials.WebAuthn.Identifier {
		types = append(types, WebAuthn)
	}
	if e.Credentials.Code.Identifier {
		types = append(types, Code)
	}
	return types
}

// Validate refuses a trait that cannot be what the schema says it is for: an address to which nothing can be sent, an
// identifier that nobody can type.
func (e *extension) Validate(ctx *jsonschema.ValidatorContext, v any) {
	s, ok := v.(string)
	if !ok {
		return // its type is refused by "type", and nothing is extracted
	}
	vias := []string{e.Verification.Via, e.Recovery.Via}
	if e.Credentials.Code.Identifier {
		vias = append(vias, e.Credentials.Code.Via)
	}
	for _, via := range vias {
		if _, ok := NormalizeAddress(via, s); !ok && via != "" {
			ctx.AddError(badAddress{via, s})
			return
		}
	}
	if len(e.identifies()) > 0 && !validIdentifier(NormalizeIdentifier(s)) {
		ctx.AddError(badIdentifier{})
	}
}

// badAddress says that a trait is no address of the kind, badIdentifier that it cannot be an identifier. They are the
// kinds of errors of the keyword.
type (
	badAddress    struct{ via, value string }
	badIdentifier struct{}
)

func (badAddress) KeywordPath() []string    { return []string{keyword} }
func (badIdentifier) KeywordPath() []string { return []string{keyword} }

func (k badAddress) LocalizedString(*message.Printer) string {
	return "is no address to which something can be sent by " + k.via
}

func (badIdentifier) LocalizedString(*message.Printer) string {
	return "is empty, too long, or of more than one line"
}
