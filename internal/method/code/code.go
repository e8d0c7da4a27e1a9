package code

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"math/big"
	"strings"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/identity"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
	"github.com/gatehouse-iam/gatehouse/internal/selfservice"
	"github.com/gatehouse-iam/gatehouse/internal/session"
	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

// Method sends codes and takes them back. Its fields are set once, by app, which leaves the method out where it is not enabled.
type Method struct {
	selfservice.Sending

	Config  Config
	Schemas *identity.Schemas
	// Ring keys the digests of codes. Give it a ring of its own purpose.
	Ring *secret.Ring
}

var (
	_ selfservice.LoginMethod        = (*Method)(nil)
	_ selfservice.RegistrationMethod = (*Method)(nil)
	_ selfservice.RecoveryIssuer     = (*Method)(nil)
	_ selfservice.VerificationMethod = (*Method)(nil)
)

const (
	id          = identity.Code
	fieldCode   = "code"
	fieldEmail  = "email"
	fieldMethod = "method"
	fieldResend = "resend"
)

// ID is "code".
func (m *Method) ID() string { return id }

// Lifespan is for how long a code is good.
func (m *Method) Lifespan() time.Duration { return m.Config.Config.Lifespan }

var errWrong = errors.New("code: the code is wrong, too old or was used")

// issue puts a new code for the recipient into the flow, in the place of the one before, and returns it.
func (m *Method) issue(f *selfservice.Flow, to selfservice.Recipient) string {
	code := generate()
	m.Expect(f, to, id, m.digest(f, code), m.Lifespan())
	return code
}

// take compares what was typed with what was sent. errWrong says that it is not the code, and has counted the try in the flow,
// which the caller saves; ErrTriedTooOften that no try is taken any more, right or wrong.
func (m *Method) take(ctx context.Context, f *selfservice.Flow, in *selfservice.Submission) (*selfservice.Code, error) {
	c := f.Internal.Code
	if c == nil {
		return nil, errWrong
	}
	if c.Tries >= m.Config.Config.MaxSubmissions {
		return nil, selfservice.ErrTriedTooOften
	}
	key := m.lock(f, c)
	from := in.From(key)
	done, err := m.Limits.Attempt(ctx, key, from)
	if err != nil {
		return nil, err
	}
	defer done()
	// The digest is compared in any case, so that time tells nothing about the other conditions.
	right := m.matches(f, c, in.String(fieldCode))
	if known := c.IdentityID != "" || f.Kind == selfservice.KindRegistration; right && known && m.Now().Before(c.ExpiresAt) {
		return c, m.Limits.Succeeded(ctx, key, from)
	}
	c.Tries++
	if err := m.Limits.Failed(ctx, key, from); err != nil {
		return nil, err
	}
	return nil, errWrong
}

// lock is what failures are counted for: the address, over all flows of a kind, or the identity where an administrator made
// the code.
func (m *Method) lock(f *selfservice.Flow, c *selfservice.Code) string {
	if c.SentTo == "" {
		return selfservice.CodeName(f.Kind, "id:"+c.IdentityID)
	}
	return selfservice.CodeName(f.Kind, c.SentTo)
}

// generate makes a code: every number of six digits is as likely as any other.
func generate() string {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		panic("code: " + err.Error()) // crypto/rand never fails
	}
	digits := n.String()
	return strings.Repeat("0", selfservice.CodeLength-len(digits)) + digits
}

// digest is what the flow keeps of its code. It is keyed, because six digits are found out by trying, and names the flow, so
// that a code fits nowhere else.
func (m *Method) digest(f *selfservice.Flow, code string) string {
	return base64.RawURLEncoding.EncodeToString(m.Ring.MAC(digested(f, code)))
}

func digested(f *selfservice.Flow, code string) []byte {
	return []byte("one-time code\x00" + string(f.Kind) + "\x00" + f.ID + "\x00" + code)
}

// matches tells in constant time whether what was typed is the code.
func (m *Method) matches(f *selfservice.Flow, c *selfservice.Code, typed string) bool {
	mac, err := base64.RawURLEncoding.DecodeString(c.Digest)
	code, ok := digits(typed)
	return m.Ring.VerifyMAC(digested(f, code), mac) && ok && err == nil
}

// digits reads what somebody typed as a code: six digits, with blanks and hyphens between or around them, as people copy them.
func digits(typed string) (string, bool) {
	if len(typed) > 64 {
		return "", false
	}
	code := strings.Map(func(c rune) rune {
		switch c {
		case ' ', '-', '\t', '\r', '\n', '\u00a0', '\u2009', '\u202f', '\u2011':
			return -1
		}
		return c
	}, typed)
	for _, c := range code {
		if c < '0' || c > '9' {
			return "", false
		}
	}
	return code, len(code) == selfservice.CodeLength
}

// ask shows the form for the code that was sent: the field, a button to go on and one to have another code sent.
func ask(f *selfservice.Flow, resend *ui.Node, said ui.Text, keep ...string) {
	f.Keep(keep...)
	f.State = ui.StateSentEmail
	f.Form.Add(
		selfservice.CodeNode(f.Kind),
		ui.Hidden(ui.GroupCode, fieldMethod, id),
		ui.Submit(ui.GroupCode, fieldMethod, id, ui.LabelContinue()),
		resend,
	)
	f.Form.Message(said)
}

// takeShown is take for a recovery or verification, whose form is shown again with what was wrong.
func (m *Method) takeShown(ctx context.Context, f *selfservice.Flow, in *selfservice.Submission) (*selfservice.Code, error) {
	if in.String(fieldCode) == "" {
		return nil, ui.RejectField(fieldCode, ui.Required(fieldCode))
	}
	c, err := m.take(ctx, f, in)
	if errors.Is(err, errWrong) {
		return nil, wrong(f)
	}
	return c, err
}

// wrong shows the form again and says that the code was wrong.
func wrong(f *selfservice.Flow) error {
	f.Form.Clear()
	f.Form.Message(ui.CodeInvalid(f.Kind))
	return selfservice.ErrWrong
}

// proof is what the session remembers of the code.
func (m *Method) proof(method string) session.AuthMethod {
	return session.AuthMethod{Method: method, AAL: session.AAL1, CompletedAt: m.Now()}
}
