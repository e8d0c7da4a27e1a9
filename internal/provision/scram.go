package provision

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

// scramIterations is what PostgreSQL takes itself.
const scramIterations = 4096

// scram gives what PostgreSQL keeps of a password (RFC 5802 section 3), so that the password itself is not sent: a server that
// logs statements would log it. Only printable ASCII is the same before and after RFC 4013's preparation, so for other passwords
// it gives the password, and the server does the work.
func scram(password string, salt []byte) string {
	for _, c := range password {
		if c < ' ' || c > '~' {
			return password
		}
	}
	salted, err := pbkdf2.Key(sha256.New, password, salt, scramIterations, sha256.Size)
	if err != nil {
		return password // a policy of this machine's cryptography
	}
	mac := func(text string) []byte {
		h := hmac.New(sha256.New, salted)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	stored := sha256.Sum256(mac("Client Key"))
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", scramIterations, b64(salt), b64(stored[:]), b64(mac("Server Key")))
}
