package ui_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/ui"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	expired = time.Date(2020, 1, 1, 0, 59, 59, 0, time.UTC)
	now     = expired.Add(time.Minute)
)

// everyText has each text once, with values of which some are awkward.
func everyText() []ui.Text {
	texts := []ui.Text{
		ui.SignIn(), ui.SignInWith("GitHub", "github"), ui.ConfirmIdentity(), ui.SecondFactorNeeded(), ui.Verify(), ui.LabelTOTP(),
		ui.LabelLookup(), ui.SignInWebAuthn(), ui.UseTOTP(), ui.UseLookup(), ui.ContinueWebAuthn(), ui.PrepareWebAuthn(),
		ui.LoginContinue(), ui.LoginCodeSent(), ui.SendLoginCode(),
		ui.LoginLink(ui.Linking{Identifier: "{provider}@example.org", Provider: "github", NewLoginURL: "https://example.org/"}),
		ui.SignInAndLink(), ui.ConfirmWith("GitHub"), ui.RequestCode(), ui.CodeAddressHint("ma****@example.org"), ui.SignInPasskey(),
		ui.SignInPassword(), ui.SendCodeTo("mary@example.org", "email"), ui.SignInDevice(), ui.CodeSentToKnown(),

		ui.SignUp(), ui.SignUpWith("GitHub", "github"), ui.RegistrationContinue(), ui.SignUpWebAuthn(), ui.RegistrationCodeSent(),
		ui.SendRegistrationCode(), ui.SignUpPasskey(), ui.RegistrationBack(), ui.ChooseCredential(),

		ui.Saved(), ui.LinkProvider("GitHub"), ui.UnlinkProvider("GitHub"), ui.UnlinkTOTP(), ui.TOTPQRCode(),
		ui.TOTPSecret("JBSWY3DPEHPK3PXP"), ui.RevealLookup(), ui.RegenerateLookup(), ui.LookupSecret("kq7xf2mp"),
		ui.LabelLookupSecrets(), ui.ConfirmLookup(), ui.AddWebAuthn(), ui.LabelWebAuthnName(), ui.LookupSecretUsed(expired),
		ui.LookupSecretList([]ui.Text{ui.LookupSecret("used4you"), ui.LookupSecretUsed(expired)}), ui.DisableLookup(),
		ui.LabelTOTPSecret(), ui.RemoveWebAuthn("blue key", expired), ui.AddPasskey(), ui.RemovePasskey("phone", expired),
		ui.ManagedByOrganization(), ui.TooManyAddressChanges(),

		ui.RecoverySuccessful(now.Add(15*time.Minute), now), ui.RecoveryLinkSent(), ui.RecoverySent(),
		ui.RecoverySentTo("ma****@example.org"), ui.AskFullAddress(), ui.AskWhichAddress(), ui.RecoveryBack(),
		ui.VerificationLinkSent(), ui.EmailVerified(), ui.VerificationSent(), ui.VerificationSentBySMS(), ui.PhoneVerified(),

		ui.LabelPassword(), ui.Label("Shoe size", "traits.shoe"), ui.LabelSave(), ui.LabelID(), ui.LabelSubmit(),
		ui.LabelVerifyCode(), ui.LabelEmail(), ui.ResendCode(), ui.LabelContinue(), ui.LinkCredential(), ui.CaptchaPrompt(),
		ui.LabelRecoveryAddress(), ui.LabelPhone(), ui.LabelEmailOrPhone(),
		ui.LabelCode(ui.Recovery), ui.LabelCode(ui.Verification), ui.LabelCode(ui.Registration), ui.LabelCode(ui.Login),

		ui.Generic("it is raining"), ui.Required("password"), ui.MinLength(5, 3), ui.PatternMismatch("^[a-z]{2}$"),
		ui.PasswordPolicy("it is a word"), ui.InvalidCredentials(), ui.Duplicate(), ui.TOTPInvalid(), ui.IdentifierMissing(),
		ui.AddressNotVerified(), ui.NoTOTP(), ui.LookupUsed(), ui.NoWebAuthn(), ui.NoLookup(), ui.NoWebAuthnAccount(),
		ui.LookupInvalid(), ui.MaxLength(5, 6), ui.Minimum(5, 3), ui.ExclusiveMinimum(5, 5), ui.Maximum(5, 6.5),
		ui.ExclusiveMaximum(5, 5), ui.MultipleOf(7, 3), ui.MaxItems(3, 4), ui.MinItems(3, 2), ui.UniqueItems(0, 2),
		ui.WrongType([]string{"string", "null"}, "number"), ui.DuplicateOnLink(),
		ui.DuplicateWithHints([]string{"password", "passkey"}, []string{"github"}, "mary@example.org"), ui.Const(1577840399),
		ui.ConstGeneric(), ui.PasswordTooSimilar(), ui.PasswordTooShort(6, 5), ui.PasswordTooLong(72, 80), ui.PasswordBreached(101),
		ui.NoCodeAccount(), ui.TraitsMismatch(), ui.AccountNotFound(), ui.CaptchaFailed(), ui.PasswordUnchanged(),
		ui.EmailInvalid("mary@"), ui.PhoneInvalid("+49"), ui.NoDevice(), ui.WebAuthnInvalid(), ui.DeviceInvalid(),
		ui.DeviceOutdated(), ui.TooManyAttempts(90 * time.Second),

		ui.LinkedCredentialsDiffer(), ui.AddressUnknown(), ui.Disabled(), ui.LinkInvalid(ui.Recovery), ui.LinkInvalid(ui.Verification),
		ui.StateFailure(ui.Recovery), ui.StateFailure(ui.Verification), ui.SystemError("no such file"), ui.NoMethodsAvailable(),
		ui.NoSSOProvider(),
	}
	for _, k := range []ui.Kind{ui.Login, ui.Registration, ui.Settings, ui.Recovery, ui.Verification} {
		texts = append(texts, ui.FlowExpired(k, expired, now), ui.NoMethod(k))
		if k != ui.Settings {
			texts = append(texts, ui.AlreadyCompleted(k), ui.CodeInvalid(k))
		}
	}
	return texts
}

func TestTextsAreNumberedOnce(t *testing.T) {
	seen := map[int]string{}
	for _, text := range everyText() {
		if before, twice := seen[text.ID]; twice {
			t.Errorf("%d is both %q and %q", text.ID, before, text.Text)
		}
		seen[text.ID] = text.Text
		want := ui.Info
		switch {
		case text.ID >= 4000000:
			want = ui.Error
		case text.ID == 1050001, text.ID == 1060001, text.ID == 1080002, text.ID == 1080005:
			want = ui.Success
		}
		if text.Type != want {
			t.Errorf("%d is of type %s, want %s", text.ID, text.Type, want)
		}
	}
}

// The golden file is what people read, in both languages, with the contexts that clients get: it is for review.
func TestTextsReadAsTheyShould(t *testing.T) {
	var b bytes.Buffer
	for _, text := range everyText() {
		doc, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		var read ui.Text
		if err := json.Unmarshal(doc, &read); err != nil {
			t.Fatal(err)
		}
		german := ui.Localize("de", text)
		if again := ui.Localize("de-AT", read); again != german {
			t.Errorf("%d reads %q, and %q when it comes out of a document", text.ID, german, again)
		}
		context, err := json.Marshal(read.Context)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%d %s\n\ten %s\n\tde %s\n\t%s\n", text.ID, text.Type, text.Text, german, context)
	}
	golden(t, "texts.golden", b.Bytes())
}

func TestEveryTextIsGerman(t *testing.T) {
	// These are values and nothing else.
	asIs := map[int]bool{1050006: true, 1050009: true, 1070002: true, 4000001: true, 5000001: true}
	for _, text := range everyText() {
		german := ui.Localize("de", text)
		if german == text.Text && !asIs[text.ID] {
			t.Errorf("%d %q has no German", text.ID, text.Text)
		}
		if strings.ContainsAny(german, "{}") && !strings.Contains(text.Text, "{") {
			t.Errorf("%d %q lacks a value", text.ID, german)
		}
	}
	if got := ui.Localize("fr", ui.SignIn()); got != "Sign in" {
		t.Errorf("a language that nobody wrote reads %q", got)
	}
	if got := ui.Localize("de", ui.CodeTriedTooOften()); got != "Zu viele falsche Versuche. Bitte fordern Sie einen neuen Code an." {
		t.Errorf("a reason that we give reads %q", got)
	}
	if got := ui.Localize("de", ui.Required("traits.shoe")); got != "Die Angabe „traits.shoe“ fehlt." {
		t.Errorf("a property of somebody's schema reads %q", got)
	}
	if got := ui.Localize("de", ui.DuplicateWithHints(nil, nil, "")); !strings.HasPrefix(got, "Diese E-Mail-Adresse") {
		t.Errorf("a duplicate without hints reads %q", got)
	}
}

// What a value holds is text, whatever it looks like.
func TestValuesAreNotTemplates(t *testing.T) {
	text := ui.SignInWith("{provider_id}", "x")
	if text.Text != "Sign in with {provider_id}" {
		t.Errorf("a value was taken for a template: %q", text.Text)
	}
	if got := ui.Localize("de", text); got != "Mit {provider_id} anmelden" {
		t.Errorf("a value was taken for a template: %q", got)
	}
}

func TestTooManyAttemptsWaitsLongEnough(t *testing.T) {
	for wait, want := range map[time.Duration]int{0: 1, time.Millisecond: 1, time.Second: 1, 1001 * time.Millisecond: 2} {
		if got := ui.TooManyAttempts(wait).Context["retry_after"]; got != want {
			t.Errorf("after %s a client waits %v s, want %d", wait, got, want)
		}
	}
}

func TestContextIsLeftOutOnlyWhenItIsMissing(t *testing.T) {
	for _, c := range []struct {
		text ui.Text
		want string
	}{
		{ui.SignIn(), `{"id":1010001,"text":"Sign in","type":"info"}`},
		{ui.Text{ID: 1, Type: ui.Info, Context: map[string]any{}}, `{"id":1,"text":"","type":"info","context":{}}`},
	} {
		got, err := json.Marshal(c.text)
		if err != nil || string(got) != c.want {
			t.Errorf("got %s, %v, want %s", got, err, c.want)
		}
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s has changed; look at the difference after `go test ./internal/ui -update`", file)
	}
}
