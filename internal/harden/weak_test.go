package harden

import (
	"fmt"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

func TestWeak(t *testing.T) {
	for _, bad := range []secret.String{
		"youReallyNeedToChangeThis", "PLEASE-CHANGE-ME-I-AM-VERY-INSECURE", "changemechangeme", "change-me-please-1234",
		"secretsecretsecret", "this-is-an-example-secret", "aaaaaaaaaaaaaaaaaaaa", "abababababababababab", "0123456789abcdef",
		"1234567890123456", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjkl", "my-very-secret-system-secret",
		"some-super-secret-password-123", "please-set-a-secret-here-placeholder", "abcabcabcabcabcabcabc", "zyxwvutsrqponmlkjihg",
		"thisisthesystemsecret", "gatehouse-development-secret", "00000000000000000000000000000000", "................",
	} {
		if Weak(bad) == "" {
			t.Errorf("%s: accepted", bad.Reveal())
		}
	}
	for _, good := range []secret.String{
		"3f9a1c7be2d84065", "hV8x2LqP0sTzR4nK", "correct horse battery staple", "Tr0ub4dor&3-nightjar", "b7f3e6a0-4c1d-4f7e-9b2a-8d5c6e1f0a93",
	} {
		if why := Weak(good); why != "" {
			t.Errorf("%s: %s", good.Reveal(), why)
		}
	}
	for range 20_000 {
		random := secret.Random(16)
		hex := fmt.Sprintf("%x", random)[:32]
		for _, s := range []string{random, random[:16], hex} {
			if why := Weak(secret.String(s)); why != "" {
				t.Errorf("random %s: %s", s, why)
			}
		}
	}
}
