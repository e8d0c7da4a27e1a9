package ui

import (
	"maps"
	"math"
	"strconv"
	"strings"
	"time"
)

// Localize returns the sentence of a text in a language, "de" or "en" with any region. A text that has none in the language,
// and every other language, is English. What a text shows as it is (the title of a schema's field, a secret) stays.
func Localize(lang string, t Text) string {
	if base, _, _ := strings.Cut(strings.ToLower(lang), "-"); base != "de" {
		return t.Text
	}
	switch t.ID {
	case 4000001, 5000001:
		return germanReason(t.Text)
	case 1050015:
		return germanList(t.Text)
	}
	sentence, known := german[t.ID]
	if !known {
		return t.Text
	}
	return fill(sentence, germanValues(t))
}

// germanReason translates the reasons that we give ourselves; hooks and operators have words of their own.
func germanReason(reason string) string {
	if reason == reasonTriedTooOften {
		return "Zu viele falsche Versuche. Bitte fordern Sie einen neuen Code an."
	}
	return reason
}

// germanList shows backup codes; those that were spent are not codes any more but a word.
func germanList(codes string) string {
	list := strings.Split(codes, ", ")
	for i, c := range list {
		if c == lookupUsed {
			list[i] = "benutzt"
		}
	}
	return strings.Join(list, ", ")
}

// germanValues are the values of a text as they stand in a German sentence.
func germanValues(t Text) map[string]any {
	v := maps.Clone(t.Context)
	if v == nil {
		v = map[string]any{}
	}
	switch t.ID {
	case 1050014:
		v["used_at"] = germanTime(v["used_at"])
	case 1060001:
		v["minutes"] = minutes(t.Text)
	case 4000002:
		v["property"] = germanProperty(word(v["property"]))
	case 4000026:
		v["allowed_types"] = strings.Join(germanTypes(words(v["allowed_types"])), " oder ")
		v["actual_type"] = germanType(word(v["actual_type"]))
	case 4000028:
		v["ways"] = germanWays(words(v["available_credential_types"]), words(v["available_oidc_providers"]))
		if v["credential_identifier_hint"] == "" {
			v["credential_identifier_hint"] = "Diese E-Mail-Adresse, Telefonnummer oder dieser Benutzername"
		}
	}
	return v
}

func germanTime(value any) string {
	at, ok := value.(time.Time)
	if !ok {
		var err error
		if at, err = time.Parse(time.RFC3339, word(value)); err != nil {
			return word(value)
		}
	}
	return at.UTC().Format("02.01.2006 um 15:04 UTC")
}

// minutes finds the number that stands before the word minutes and rounds it down, so that nobody relies on more time than
// there is.
func minutes(sentence string) string {
	before, _, _ := strings.Cut(sentence, " minutes")
	number, err := strconv.ParseFloat(before[strings.LastIndexByte(before, ' ')+1:], 64)
	if err != nil {
		return "…"
	}
	return strconv.Itoa(int(max(math.Floor(number), 1)))
}

func germanProperty(name string) string {
	known := map[string]string{
		"password": "Das Passwort", "email": "Die E-Mail-Adresse", "phone": "Die Telefonnummer", "username": "Der Benutzername",
		"identifier": "Der Benutzername oder die E-Mail-Adresse", "code": "Der Code", "recovery_address": "Die Adresse",
		"method": "Die Art der Anmeldung", "first": "Der Vorname", "last": "Der Nachname", "name": "Der Name",
	}
	if s, ok := known[name]; ok {
		return s
	}
	return "Die Angabe „" + name + "“"
}

func germanTypes(types []string) []string {
	translated := make([]string, len(types))
	for i, t := range types {
		translated[i] = germanType(t)
	}
	return translated
}

func germanType(name string) string {
	known := map[string]string{
		"string": "Text", "number": "eine Zahl", "integer": "eine ganze Zahl", "boolean": "Ja oder Nein", "array": "eine Liste",
		"object": "ein Objekt", "null": "nichts",
	}
	if s, ok := known[name]; ok {
		return s
	}
	return name
}

func germanWays(types, providers []string) string {
	ways := wordsFor(types, map[string]string{
		"password": "Ihrem Passwort", "oidc": "einem Konto bei einem Anbieter", "webauthn": "Ihrem Sicherheitsschlüssel",
		"passkey": "Ihrem Passkey", "code": "einem Code",
	})
	text := ""
	if len(ways) > 0 {
		text = " Sie können sich mit " + strings.Join(ways, " oder ") + " anmelden."
	}
	if len(providers) > 0 {
		text += " Verknüpfte Anbieter: " + capitals(providers) + "."
	}
	return text
}
