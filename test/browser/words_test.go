package browser

import "strings"

// german is what German pages say for the words of the English ones.
var german = map[string]string{
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
	"Send a new code":                     "Code noch einmal senden",
	"Your account":                        "Ihr Konto",
	"confirmed":                           "bestätigt",
	"not confirmed":                       "nicht bestätigt",
	"Devices":                             "Geräte",
	"Sign out?":                           "Abmelden?",
	"Stay signed in":                      "Angemeldet bleiben",
	"Sign out":                            "Abmelden",
	"You are signed out":                  "Sie sind abgemeldet",
	"Sign in again":                       "Wieder anmelden",
	"Recover your account":                "Konto wiederherstellen",
	"Settings":                            "Einstellungen",
	"Save":                                "Speichern",
	"About you":                           "Über Sie",
	"Account":                             "Konto",
	"this device":                         "dieses Gerät",
	"Sign out everywhere else":            "Überall sonst abmelden",
	"Confirm it’s you":                    "Sind Sie es?",
	"Allow":                               "Erlauben",
	"Deny":                                "Ablehnen",
	"Show password":                       "Passwort zeigen",
	"Hide password":                       "Passwort verbergen",
	"You are still signed in":             "Sie sind weiterhin angemeldet",
	"This page was opened somewhere else": "Diese Seite wurde woanders geöffnet",
	"Start again":                         "Noch einmal beginnen",
	"Don’t ask me again":                  "Nicht noch einmal fragen",
	"See your e-mail address":             "Ihre E-Mail-Adresse sehen",
	"Allow The Corner Shop access?":       "The Corner Shop Zugriff erlauben?",
	"Address confirmed":                   "Adresse bestätigt",
	"There is nothing wrong":              "Alles in Ordnung",
	"Go on":                               "Weiter",
	"Not you?":                            "Nicht Sie?",
	"The Corner Shop":                     "The Corner Shop",
	"Somebody else is signed in":          "Jemand anderes ist angemeldet",
	"Send me a code":                      "Code zuschicken",
	"Login code":                          "Code zum Anmelden",
	"Registration code":                   "Code zum Registrieren",
	"Change":                              "Ändern",
	"Check your messages":                 "Sehen Sie in Ihre Nachrichten",
	"There is nothing here":               "Hier ist nichts",
	"That did not work":                   "Das hat nicht geklappt",
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
