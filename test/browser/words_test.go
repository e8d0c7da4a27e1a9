package browser

import "strings"

// german is what German pages say for the words of the English ones.
var german = map[string]string{
	"Sign in with Acme":                   "Mit Acme anmelden",
	"Sign up with Acme":                   "Mit Acme registrieren",
	"Link Acme":                           "Mit Acme verknüpfen",
	"Unlink Acme":                         "Verknüpfung mit Acme lösen",
	"already used by another account":     "gehört schon zu einem Konto",
	"Sign in":                             "Anmelden",
	"Create an account":                   "Konto anlegen",
	"Create your account":                 "Konto anlegen",
	"E-mail address":                      "E-Mail-Adresse",
	"First name":                          "Vorname",
	"Last name":                           "Nachname",
	"Continue":                            "Weiter",
	"Almost done":                         "Fast fertig",
	"Password":                            "Passwort",
	"New password":                        "Neues Passwort",
	"Create account":                      "Konto anlegen",
	"Back":                                "Zurück",
	"Enter the code":                      "Code eingeben",
	"Verification code":                   "Code zur Bestätigung",
	"Recovery code":                       "Code zur Wiederherstellung",
	"Send a new code":                     "Neuen Code senden",
	"Your account":                        "Ihr Konto",
	"confirmed":                           "bestätigt",
	"not confirmed":                       "nicht bestätigt",
	"Devices":                             "Geräte",
	"Sign out?":                           "Abmelden?",
	"Stay signed in":                      "Angemeldet bleiben",
	"Sign out":                            "Abmelden",
	"You are signed out":                  "Sie sind abgemeldet",
	"Sign in again":                       "Erneut anmelden",
	"Recover your account":                "Konto wiederherstellen",
	"Settings":                            "Einstellungen",
	"Save":                                "Speichern",
	"About you":                           "Persönliche Angaben",
	"Account":                             "Konto",
	"this device":                         "dieses Gerät",
	"Sign out everywhere else":            "Alle anderen Geräte abmelden",
	"Confirm it’s you":                    "Bitte bestätigen Sie Ihre Identität",
	"Allow":                               "Erlauben",
	"Deny":                                "Ablehnen",
	"Show password":                       "Passwort anzeigen",
	"Hide password":                       "Passwort verbergen",
	"You are still signed in":             "Sie sind weiterhin angemeldet",
	"This page was opened somewhere else": "Diese Seite wurde woanders geöffnet",
	"Start again":                         "Von vorn beginnen",
	"Don’t ask me again":                  "Nicht noch einmal fragen",
	"See your e-mail address":             "Ihre E-Mail-Adresse ansehen",
	"Allow The Corner Shop access?":       "The Corner Shop den Zugriff erlauben?",
	"Address confirmed":                   "Adresse bestätigt",
	"Everything is fine":                  "Alles in Ordnung",
	"Not you?":                            "Nicht Sie?",
	"The Corner Shop":                     "The Corner Shop",
	"Somebody else is signed in":          "Es ist jemand anderes angemeldet",
	"Send me a code":                      "Code senden",
	"Login code":                          "Code zum Anmelden",
	"Registration code":                   "Code zum Registrieren",
	"Change":                              "Ändern",
	"Skip for now":                        "Überspringen",
	"Check your messages":                 "Prüfen Sie Ihre Nachrichten",
	"Page not found":                      "Seite nicht gefunden",
	"That did not work":                   "Das hat leider nicht geklappt",
}

// word gives the words that the person's pages have for English ones.
func (p *person) word(english string) string {
	p.t.Helper()
	if !strings.HasPrefix(p.language, "de") {
		return english
	}
	if device, ok := strings.CutPrefix(english, "Sign out: "); ok {
		return "Abmelden: " + device
	}
	word, ok := german[english]
	if !ok {
		p.t.Fatalf("the test does not know the German for %q", english)
	}
	return word
}

// spoken is word for what may also be no word of the pages, such as an address.
func (p *person) spoken(english string) string {
	if strings.Contains(english, "@") {
		return english
	}
	return p.word(english)
}

// names is what the list of devices calls a device.
func (p *person) names(d device) string {
	if strings.HasPrefix(p.language, "de") {
		return d.browser + " auf " + d.system
	}
	return d.browser + " on " + d.system
}
