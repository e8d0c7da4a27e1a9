// Package secret holds what must not be seen: values that never print, the key ring that seals and authenticates,
// the tokens that go over the wire, and the hashing of passwords and client secrets. It also tells private keys from other texts.
//
// It owns the formats of this table and nothing of their storage: no SQL, no HTTP, no configuration file.
//
//	what                    text                                             made by            checked by
//	sealed bytes            <key id>.<b64url(nonce ‖ ciphertext ‖ tag)>      Ring.Seal          Ring.Open
//	token on the wire       <prefix>_<kind>_<b64url 32>.<b64url HMAC>        Tokens.New         Tokens.Check
//	digest of a token       <b64url SHA-256>                                 Tokens, Digest     equality in SQL
//	secret a person chose   $argon2id$v=19$m=…,t=…,p=…$<salt>$<hash>         Hasher.Hash        Hasher.Verify, VerifyPassword
//	                        $2a$<cost>$<salt and hash>                       Hasher.Hash        the same
//	imported password hash  one of those that ValidHash lists                other systems      the same
//	secret we generated     $gh-hmac$<key id>$<b64url HMAC>                  Hasher.KeyedDigest Hasher.Verify, MatchKeyed
//
// Keys. The operator's secrets are the roots. From each root HKDF-SHA256 (RFC 5869) derives one key tree per purpose,
// and from each purpose a sealing key, an authentication key, a key id and a fingerprint, so no key serves two ends and
// an id of one purpose says nothing about another. One secret makes, the first unless Ring.Lead chose another; all of them
// check. A secret that is taken away may leave an estate to some purposes: what recognizes what it authenticated, and opens
// and makes nothing.
//
// Imported hashes. Formats of other systems are verified within bounds that are checked before a byte of memory is taken,
// and are stale from the beginning: whoever verified one makes a new one of the password that was right. However many
// arrive, all computations together stay below the configured memory; what does not fit waits, and what waits too long is
// told to come back.
//
// Sealing is XChaCha20-Poly1305: its 192-bit nonces are drawn at random without a bound that matters, while AES-GCM
// with random 96-bit nonces asks for a new key after 2^32 messages (NIST SP 800-38D §8.3), which a busy server that
// seals cookies reaches within weeks.
package secret
