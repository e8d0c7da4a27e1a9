package telemetry

import "strings"

// maxKey is how much of a key is looked at; the telling word of a longer one is at its end.
const maxKey = 96

// normalize appends key to dst in lower case without the marks that people put between words: "client_secret",
// "Client-Secret" and "clientSecret" are one key.
func normalize(dst []byte, key string) []byte {
	if len(key) > maxKey {
		key = key[len(key)-maxKey:]
	}
	for i := range len(key) {
		c := key[i]
		switch {
		case 'A' <= c && c <= 'Z':
			dst = append(dst, c+'a'-'A')
		case c == '_' || c == '-' || c == '.' || c == ' ':
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// sensitive reports whether what stands under the key must not be logged.
func sensitive(key string) bool {
	if len(key) < 3 {
		return false
	}
	var room [maxKey]byte
	k := string(normalize(room[:0], key))
	switch k {
	case "code", "pin", "otp", "totp", "pwd", "dsn", "sid", "sessionid", "phone", "mobile", "mail", "recipient",
		"username", "givenname", "familyname", "middlename", "nickname", "fullname", "displayname", "birthdate",
		"loginhint", "identifier", "traits", "userinfo", "apikey", "adminkey", "privatekey", "jwk", "samlresponse",
		"usercode", "devicecode", "recoverycode", "verificationcode", "authorizationcode", "authcode", "logincode":
		return true
	case "tokentype", "tokenuse", "tokenendpoint", "tokenurl", "tokentypehint", "accesstokenstrategy", "codechallengemethod",
		"clientassertiontype", "secretname", "tokenendpointauthmethod", "tokenendpointauthsigningalg", "issuedtokentype",
		"subjecttokentype", "requestedtokentype", "actortokentype", "invalidtoken", "tokenexchange":
		return false
	}
	return contains(k)
}

// contains looks for the words that make any key sensitive that they are part of.
func contains(k string) bool {
	for _, word := range [...]string{
		"password", "passwd", "passphrase", "secret", "token", "authorization", "cookie", "credential", "assertion",
		"verifier", "challenge", "email", "phonenumber", "apikey", "privatekey", "csrf", "lookupcode", "backupcode",
	} {
		if strings.Contains(k, word) {
			return true
		}
	}
	return false
}
