package dataset

import (
	"crypto/hpke"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// handedOver is how secrets go over a line that others may read: for a key that the asker made for this one answer (RFC 9180, single-shot
// base mode).
const handedOver = "gatehouse secrets 1"

func sealFor(recipient []byte, s secret.String) ([]byte, error) {
	to, err := hpke.MLKEM768X25519().NewPublicKey(recipient)
	if err != nil {
		return nil, errRecipient
	}
	return hpke.Seal(to, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(handedOver), []byte(s.Reveal()))
}

func openWith(key hpke.PrivateKey, sealed []byte) (secret.String, error) {
	text, err := hpke.Open(key, hpke.HKDFSHA256(), hpke.AES256GCM(), []byte(handedOver), sealed)
	if err != nil {
		return "", errForeign
	}
	return secret.String(text), nil
}
