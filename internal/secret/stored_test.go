package secret_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

const horse = "correct horse"

// vector is a hash that another program made. It is that program's output, but for the notation: the scheme in front where
// Kratos names it otherwise, and the parameters that some programs do not write.
type vector struct {
	made, encoded, password string
}

// madeElsewhere were made on Debian 12 with the commands that stand beside them (passlib 1.7.4, argon2 20190702, whois
// 5.5.17's mkpasswd, apache2-utils 2.4's htpasswd, OpenSSL 3.0).
var madeElsewhere = []vector{
	{"mkpasswd -m bcrypt -R 5", "$2b$05$RDT/cFpYHHLJkoaa7UYSK.5Rt47u3mPflWCUFirTRrBGvorpMI2HW", horse},
	{"mkpasswd -m bcrypt-a -R 5", "$2a$05$Kl.HI9i4ERIe7IVlfMqY3u7Z0I5rgubtKBEtLzT0l/MPHpHxigTpu", horse},
	{"htpasswd -nbBC 5", "$2y$05$qIcvzQ.Evq.GCDDMD0Y4e.wNxAdz52VImsi9EaZa0nbBGmxroGqPi", horse},
	{"the one before, as the $2z$ of some exports", "$2z$05$qIcvzQ.Evq.GCDDMD0Y4e.wNxAdz52VImsi9EaZa0nbBGmxroGqPi", horse},
	{"htpasswd -nbBC 4, of 72 x and yz, of which bcrypt reads the x", "$2y$04$pEfN9ZHtkfrzqhNP5KQ.wOSRX.3PORo2UB.9VdSzb.UK1WFyJ6ovi", strings.Repeat("x", 72) + "yz"},
	{"argon2 saltsalt -id -t 2 -k 256 -p 2 -l 32 -e", "$argon2id$v=19$m=256,t=2,p=2$c2FsdHNhbHQ$yWWF01rDif7q0E03DEL7qJGeH9fdOPOw+48bBtXF+QE", horse},
	{"argon2 saltsalt -i -t 3 -k 64 -p 1 -l 24 -e", "$argon2i$v=19$m=64,t=3,p=1$c2FsdHNhbHQ$lJzdYPZgekm6g8qSIukeOnI4PbORyjTa", horse},
	{"pbkdf2_sha1.using(rounds=1000, salt=b'saltsalt')", "$pbkdf2-sha1$i=1000,l=20$c2FsdHNhbHQ$wQoBU7GXMNo2CJC+raijrf6key4", horse},
	{"pbkdf2_sha256.using(rounds=1000, salt=b'\\xfb\\xef\\xbesalt')", "$pbkdf2-sha256$1000$....c2FsdA$tzPqW15p.F4O/3UpWO5fpFQougyxC17JWl2NF8LRF50", horse},
	{"pbkdf2_sha512.using(rounds=1000, salt=b'saltsalt')", "$pbkdf2-sha512$i=1000,l=64$c2FsdHNhbHQ$+sUSD8jw4f8ns7m9b7kj8PeJLe8lJXO8Am09BLgO79kST9D/Ija5aKINGF5Xg7hkKXw1+fNhBzzJP3eIXcWXww", horse},
	{"openssl kdf -keylen 28 -kdfopt digest:SHA224 -kdfopt salt:saltsalt -kdfopt iter:1000 PBKDF2", "$pbkdf2-sha224$i=1000,l=28$c2FsdHNhbHQ=$8j4LpsGPaqvQC3zs1S0usVDeoDsh/rfTJx3e8A==", horse},
	{"openssl kdf -keylen 48 -kdfopt digest:SHA384 -kdfopt salt:saltsalt -kdfopt iter:1000 PBKDF2", "$pbkdf2-sha384$i=1000,l=48$c2FsdHNhbHQ$M+OuuSj5U9BMJUTjq/zZKDux9c+StFFEigaP6CssEl+2D+UBGqoXewwr6rU+nMsG", horse},
	{"passlib scrypt.using(rounds=10, block_size=8, parallelism=2, salt=b'saltsalt')", "$scrypt$ln=10,r=8,p=2$c2FsdHNhbHQ$pgTH35FeNNXwG5ureqpnYYJY0IcDBi+8uqpoevyM6R0", horse},
	{"the one before in Kratos' notation", "$scrypt$ln=1024,r=8,p=2$c2FsdHNhbHQ=$pgTH35FeNNXwG5ureqpnYYJY0IcDBi+8uqpoevyM6R0=", horse},
	{"passlib scrypt.using(rounds=6, block_size=1, parallelism=10, salt=b'')", "$scrypt$ln=6,r=1,p=10$$NSaxukXhiQzD5j2khXexCvrgVJw13p/qPeBbFt2syio", ""},
	{"passlib ldap_salted_sha1.using(salt=b'saltsalt')", "{SSHA}awc/Cj0kafyFd5d8fGn07xoHBJJzYWx0c2FsdA==", horse},
	{"passlib ldap_salted_sha256.using(salt=b'saltsalt')", "{SSHA256}YflVcOMs6k7tbGkQbQNVn6/ehAnUAVltiLPKHBWGi2tzYWx0c2FsdA==", horse},
	{"passlib ldap_salted_sha512.using(salt=b'saltsalt')", "{SSHA512}50rsRNBf8j3I5xE+QwaHdFyMhOzITssZ8BB3UxwQ+SI1JKygYm6ZeRYTDuUyFZIIqDonoTuXwB0Z/MAPhgQCFHNhbHRzYWx0", horse},
	{"mkpasswd -m md5crypt -S saltsalt", "$1$saltsalt$NuzA7WTAelpl95xgBGWN60", horse},
	{"passlib md5_crypt.using(salt='abcdefgh')", "$md5-crypt$abcdefgh$y6iHhJNbuC0xpbk0w9pm80", horse},
	{"passlib md5_crypt.using(salt='')", "$md5-crypt$$qRPK7m23GJusamGpoGLby/", ""},
	{"mkpasswd -m sha256crypt -R 1000 -S saltstring", "$5$rounds=1000$saltstring$95Bg/RfV2QriLpMdLPHK9el0Ighm6E3CBqMKzZKgCa2", horse},
	{"passlib sha256_crypt.using(rounds=5000, salt='saltstring')", "$sha256-crypt$saltstring$bWOoCRTKNT.aiY/gJjvk1HjBYuRpcYQmcc5hqf6H4T4", "pässwörd"},
	{"openssl passwd -5 -salt saltstring", "$sha256-crypt$rounds=5000$saltstring$vc6YOOogU4kWVvwga8e9zTFgKcy4tb5LaPxIiPJzqEC", horse},
	{"mkpasswd -m sha512crypt -R 1000 -S saltstring", "$sha512-crypt$rounds=1000$saltstring$YiR6NSM0LQXmu7vAhkMXfkdYk7qtFouVx1Mdr3HmzXspT8kONjlpU3CsV7ezCB62uXJoAdaagsH4ck7/tB9js.", horse},
	{"passlib sha512_crypt.using(rounds=5000, salt='a'), of 100 x", "$6$a$pjSI4T83vZ7s/hct5V7Nm7fXSZKA58Dfmr4JO.E0vceGjX2UXlgFvzRjFq3nC86y1VnZyQon2JVD/3M8pm01i.", strings.Repeat("x", 100)},
	{"openssl dgst -md5", "$md5$PLTnMmMfR+brlh80VUt83g==", horse},
	{"openssl dgst -md5 of {SALT}${PASSWORD}!", "$md5$pf=e1NBTFR9JHtQQVNTV09SRH0h$c2FsdHNhbHQ=$TvX/6sJfYlyuC1xW9mSFuQ==", horse},
	{"openssl dgst -sha1 of {SALT}${PASSWORD}!", "$sha1$pf=e1NBTFR9JHtQQVNTV09SRH0h$c2FsdHNhbHQ=$PKDdOEx65Q/+VRlV0UAKEbEJVyg=", horse},
	{"openssl dgst -sha256 of {SALT}${PASSWORD}!", "$sha256$pf=e1NBTFR9JHtQQVNTV09SRH0h$c2FsdHNhbHQ=$bgFYMh4pej0EJkALRpNTZd4Ucj++cOouyy/qBWJ1mYM=", horse},
	{"openssl dgst -sha512 of {SALT}${PASSWORD}!", "$sha512$pf=e1NBTFR9JHtQQVNTV09SRH0h$c2FsdHNhbHQ=$iXXmZOxoAEqhfuzVl7QzB/2a2ZiH8MU9ybQeIs6P5245nLGzVpWnkwSZuPgZjy4B8gg2ghohTVKyQAKupXOmbg==", horse},
	{"openssl dgst -md4 -hmac 'key of the import' -hex", "$hmac-md4$NWMwNThkY2I4ZWViYTg5ZTIyZDdiYmMxZDdlNzE2Yzk=$a2V5IG9mIHRoZSBpbXBvcnQ=", horse},
	{"openssl dgst -md5 -hmac 'key of the import' -hex", "$hmac-md5$MDFlNGZlMjMwMjE0NDU4NGFlYzIyYWU1ZTRlMTVmNGM=$a2V5IG9mIHRoZSBpbXBvcnQ=", horse},
	{"openssl dgst -sha1 -hmac 'key of the import' -hex", "$hmac-sha1$YTMxOWE0YjNiYzNlZmZhNjQ3YjEyNzcwZTcwYjU4ZDNhMmEzZTYxMg==$a2V5IG9mIHRoZSBpbXBvcnQ=", horse},
	{"openssl dgst -sha224 -hmac 'key of the import' -hex", "$hmac-sha224$Y2ExNjFkZmVjYjk5NzI1YTA4ODU4OGE5NDljODA1YjQwOWZlZTg1NWYzOWU5YWFlYzQwMjBlNjg=$a2V5IG9mIHRoZSBpbXBvcnQ=", horse},
	{"openssl dgst -sha256 -hmac 'key of the import' -hex", "$hmac-sha256$YzY1ZDk4ZmNkZDRmOTgxMGE0NTBiMDIzODA0Y2I5ZjcwNzA0MTAxNjhmNjY0NWI0ZWIyNWMxMTJmZDRhNmQ1OA==$a2V5IG9mIHRoZSBpbXBvcnQ=", horse},
	{"openssl dgst -sha384 -hmac 'key of the import' -hex", "$hmac-sha384$NDViYWI1MTgxNWNjZjFiOTljMTM2MTk1YzYyOWUwMjI3N2E2MTgyNzY4NWVhYjZjYzAyZDgwNzg5ODAyMDhmNDRlMmE5NWY2MGNjYWJkNmFjM2JiZTk3MGViNDhkMTk1$a2V5IG9mIHRoZSBpbXBvcnQ=", horse},
	{"openssl dgst -sha512 -hmac 'key of the import' -hex", "$hmac-sha512$NDAwMDYzNjQ3ZWNiZmNhOWI3ODQ0ZWY5Zjg1OTljM2VkMmMxMGVkNmFlMDM3MzkzZWRiYzg2NjJlYTg5ODVjODIwNGY4NWU2NTZlMGE2YmZiMTQzMjExYjQ1NDZmMDA0M2Q3NWIyODBiZTg4ZTFhYzk5OGMwNmJkM2UwYjAxYjI=$a2V5IG9mIHRoZSBpbXBvcnQ=", horse},
}

// shownByKratos are the examples of Ory Kratos' documentation and of its tests whose passwords are known.
var shownByKratos = []vector{
	{"bcrypt", "$2a$12$o6hx.Wog/wvFSkT/Bp/6DOxCtLRTDj7lm9on9suF/WaCGNVHbkfL6", "test"},
	{"argon2id", "$argon2id$v=19$m=32,t=2,p=4$cm94YnRVOW5jZzFzcVE4bQ$MNzk5BtR2vUhrp6qQEjRNw", "test"},
	{"argon2id, longer key", "$argon2id$v=19$m=32,t=5,p=4$cm94YnRVOW5jZzFzcVE4bQ$fBxypOL0nP/zdPE71JtAV71i487LbX3fJI5PoTN6Lp4", "test"},
	{"argon2i", "$argon2i$v=19$m=65536,t=3,p=4$kk51rW/vxIVCYn+EG4kTSg$NyT88uraJ6im6dyha/M5jhXvpqlEdlS/9fEm7ScMb8c", "test"},
	{"pbkdf2-sha256", "$pbkdf2-sha256$i=100000,l=32$1jP+5Zxpxgtee/iPxGgOz0RfE9/KJuDElP1ley4VxXc$QJxzfvdbHYBpydCbHoFg3GJEqMFULwskiuqiJctoYpI", "test"},
	{"pbkdf2-sha512", "$pbkdf2-sha512$i=100000,l=32$bdHBpn7OWOivJMVJypy2UqR0UnaD5prQXRZevj/05YU$+wArTfv1a+bNGO1iZrmEdVjhA+lL11wF4/IxpgYfPwc", "test"},
	{"scrypt", "$scrypt$ln=16384,r=8,p=1$2npRo7P03Mt8keSoMbyD/tKFWyUzjiQf2svUaNDSrhA=$MiCzNcIplSMqSBrm4HckjYqYhaVPPjTARTzwB1cVNYE=", "test"},
	{"firescrypt", "$firescrypt$ln=14,r=8,p=1$sPtDhWcd1MfdAw==$xbSou7FOl6mChCyzpCPIQ7tku7nsQMTFtyOZSXXd7tjBa4NtimOx7v42Gv2SfzPQu1oxM2/k4SsbOu73wlKe1A==$Bw==$YE0dO4bwD4JnJafh6lZZfkp1MtKzuKAXQcDCJNJNyeCHairWHKENOkbh3dzwaCdizzOspwr/FITUVlnOAwPKyw==", "8x4WjoDbSxJZdR"},
	{"SSHA", "{SSHA}JFZFs0oHzxbMwkSJmYVeI8MnTDy/276a", "test123"},
	{"SSHA256", "{SSHA256}czO44OTV17PcF1cRxWrLZLy9xHd7CWyVYplr1rOhuMlx/7IK", "test123"},
	{"SSHA512", "{SSHA512}xPUl/px+1cG55rUH4rzcwxdOIPSB2TingLpiJJumN2xyDWN4Ix1WQG3ihnvHaWUE8MYNkvMi5rf0C9NYixHsE6Yh59M=", "test123"},
	{"sha1 of {SALT}{PASSWORD}", "$sha1$pf=e1NBTFR9e1BBU1NXT1JEfQ==$NW9wbWtnejAzcg==$2qU2SGWP8viTM1md3FiI3+rjWXQ=", "test"},
	{"sha1 of ??staticPrefix??{SALT}{PASSWORD}", "$sha1$pf=Pz9zdGF0aWNQcmVmaXg/P3tTQUxUfXtQQVNTV09SRH0=$NW9wbWtnejAzcg==$SAAxMUn7jxckQXkBmsVF0nHwqso=", "test"},
	{"sha1 of {PASSWORD}%%{SALT}", "$sha1$pf=e1BBU1NXT1JEfSUle1NBTFR9$NW9wbWtnejAzcg==$YX0AW8/MW5ojUlnzTaR43ucHCog=", "test"},
	{"sha1 of ${PASSWORD}${SALT}$", "$sha1$pf=JHtQQVNTV09SRH0ke1NBTFR9JA==$NW9wbWtnejAzcg==$iE5n1yjX3oAdxRHwZ4u57I4LpQo=", "test"},
	{"sha256", "$sha256$pf=e1NBTFR9e1BBU1NXT1JEfQ==$NW9wbWtnejAzcg==$0gfRVLCvtBCk20udLDEY5vNhujWx7RGjwRIS1ebMsLY=", "test"},
	{"sha256 of {SALT}$${PASSWORD}", "$sha256$pf=e1NBTFR9JCR7UEFTU1dPUkR9$NW9wbWtnejAzcg==$HokCOi9OtiZaZRvnkgemV3B4UUHpI7kA8zq/EZWH2NY=", "test"},
	{"sha512", "$sha512$pf=e1NBTFR9e1BBU1NXT1JEfQ==$NW9wbWtnejAzcg==$6ctpVuApMNp0CgBXcdHw/GC562eFEFGr4gpgANX8ZYsX+j5B19IkdmOY2Fytsz3QUwSWdGcUjbqwgJGTH0UYvw==", "test"},
	{"md5", "$md5$CY9rzUYh03PK3k6DJie09g==", "test"},
	{"md5 of {SALT}{PASSWORD}", "$md5$pf=e1NBTFR9e1BBU1NXT1JEfQ==$MTIz$q+RdKCgc+ipCAcm5ChQwlQ==", "test"},
	{"md5 of {PASSWORD}{SALT}$?", "$md5$pf=e1BBU1NXT1JEfXtTQUxUfSQ/$MTIzNDU2Nzg5$8PhwWanVRnpJAFK4NUjR0w==", "ory"},
	{"md5-crypt", "$md5-crypt$TVEiiKNb$SN6/pUaRQS/E8Jh46As2C/", "test"},
	{"md5-crypt without salt", "$md5-crypt$$whuMjZj.HMFoaTaZRRtkO0", "test"},
	{"sha256-crypt", "$sha256-crypt$rounds=535000$05R.9KB6UC2kLI3w$Q/zslzx./JjkAVPTwp6th7nW5l7JU91Gte/UmIh.U78", "test"},
	{"sha512-crypt", "$sha512-crypt$rounds=656000$3LVbIAVxR//cRajw$uuNasMW.RYxlGzIRFU1Was70BPSa933AjxhZIGJdJBOlqJAHlgqa0yuiuq5JHF/ryNGryJkj87G9i3G2HPSXg1", "test"},
	{"hmac-md4", "$hmac-md4$MWQ5ZTI4Nzc2Zjg4YmE2MTQ5YjQ0OTMyOGE4NWU4YjA=$MTIzNDU=", "test"},
	{"hmac-md5", "$hmac-md5$ZmU4Njk3Zjc0MmQwODA0MDVkMTI3MGU2MTYzMzE2Zjk=$MTIzNDU=", "test"},
	{"hmac-sha1", "$hmac-sha1$NDMyNjcxZTUyY2Y2YTBmYjZjZDE2NjQxYjAwNjFiZjAwOGEzNWM5MA==$MTIzNDU=", "test"},
	{"hmac-sha224", "$hmac-sha224$YmUwYmYzM2EwNGRlNDE0YjQzNjBhNmIyOThmNmIyYzI4OWQyMzk3MDUwZDFjMzliYjVmMDMyOTQ=$MTIzNDU=", "test"},
	{"hmac-sha256", "$hmac-sha256$ZTAzMWJhMWMyOTM4YjFkMjgzZjkxOWExZGY5YWM2NmMxOTJhN2RkNzQ0MzJkNWZkNGFkYTI5OTk0MWJhMTA5Zg==$MTIzNDU=", "test"},
	{"hmac-sha384", "$hmac-sha384$ZWEyMGM3NGE4Y2UzMTljNTdjZTlhZGQyYTZjNDE0MGQ4YjMwYWIwOWM4OTRiNWQ4MmZjODlhMzBhMmQzNGE5NmQ0NDY1NWRhYjQ2ZjhiYjBkNTRmYjk5YWZkZTA1MGY1$MTIzNDU=", "test"},
	{"hmac-sha512", "$hmac-sha512$OTFmODY0ZTI1NmU0ZjVhYjhiMDViZGFmNGVmNGZmMGVlNTY4ODYwNWJhYTk4MTk2OTgyMzc3NzI1YTc4MzcxMTMzNzZmY2YxYTk5MGMxM2RiZDk2MGFmMmQ1YzRmODdlMGMwYTNkYjcyNjY0NjM4NGE4YzQ2MjNhZDZkN2UxZTE=$MTIzNDU=", "test"},
}

// roomy is a hasher with memory for every vector.
func roomy(t testing.TB) *secret.Hasher {
	c := cheap()
	c.MaxMemory = 128 << 10
	return hasher(t, c)
}

func TestVerifyImported(t *testing.T) {
	h := roomy(t)
	for _, v := range append(madeElsewhere, shownByKratos...) {
		if raceEnabled && slow(v.encoded) {
			continue // ten times slower, and nothing in it runs at the same time
		}
		if err := secret.ValidHash(v.encoded); err != nil {
			t.Errorf("%s: %v", v.made, err)
		}
		if ok, stale, err := h.VerifyPassword(t.Context(), v.encoded, v.password); !ok || !stale || err != nil {
			t.Errorf("%s: %v, stale %v, %v", v.made, ok, stale, err)
		}
		if slow(v.encoded) {
			continue // half a second each, and what follows is the same for their kind with fewer rounds
		}
		for _, wrong := range []string{"", "tesT", v.password + "x"} {
			if wrong == v.password || len(v.password) >= 72 {
				continue // bcrypt reads no further
			}
			if ok, _, err := h.VerifyPassword(t.Context(), v.encoded, wrong); ok || err != nil {
				t.Errorf("%s, password %q: %v, %v", v.made, wrong, ok, err)
			}
		}
	}
}

func slow(encoded string) bool {
	return strings.Contains(encoded, "rounds=5") || strings.Contains(encoded, "rounds=6") || strings.HasPrefix(encoded, "$2a$12$")
}

// TestVerifyImportedChanged: no character of a stored hash is without meaning; what is not refused does not fit.
func TestVerifyImportedChanged(t *testing.T) {
	h, step := roomy(t), 3
	if raceEnabled {
		step = 30
	}
	for _, v := range madeElsewhere {
		if strings.Contains(v.encoded, ",l=") {
			continue // l means nothing: the hash has the length that it has
		}
		for i := 1; i < len(v.encoded); i += step {
			changed := []byte(v.encoded)
			changed[i] ^= 1
			if costs(changed) {
				continue
			}
			ok, _, err := h.VerifyPassword(t.Context(), string(changed), v.password)
			if ok && !alias(v.encoded, i) {
				t.Errorf("%s with another character %d is accepted (%v)", v.made, i, err)
			}
		}
	}
}

// costs tells whether the change may have made a costly hash of it.
func costs(changed []byte) bool { return strings.HasPrefix(string(changed), "$2") && changed[4] != '0' }

// alias tells whether the changed character is one that has several spellings: the letter of bcrypt's version, the last
// characters of its salt and hash, of which some bits are not used, and the case of hexadecimal digits.
func alias(encoded string, i int) bool {
	return strings.HasPrefix(encoded, "$2") && (i == 2 || i == 28 || i == 59)
}

// TestValidHashShown: the further examples of the documentation, whose passwords it does not tell, can be imported too.
func TestValidHashShown(t *testing.T) {
	for _, encoded := range []string{
		"$2a$10$ZsCsoVQ3xfBG/K2z2XpBf.tm90GZmtOqtqWcB5.pYd5Eq8y7RlDyq",
		"$2a$15$GRvRO2nrpYTEuPQX6AieaOlZ4.7nMGsXpt.QWMev1zrP86JNspZbO",
		"$argon2id$v=19$m=16,t=2,p=1$bVI1aE1SaTV6SGQ3bzdXdw$fnjCcZYmEPOUOjYXsT92Cg",
		"$argon2id$v=19$m=131072,t=3,p=64$cm94YnRVOW5jZzFzcVE4bQ$fBxypOL0nP/zdPE71JtAV71i487LbX3fJI5PoTN6Lp4",
		"$pbkdf2-sha256$i=1000,l=128$e8/arsEf4cvQihdNgqj0Nw$5xQQKNTyeTHx2Ld5/JDE7A",
		"$scrypt$ln=16384,r=8,p=1$ZtQva9xCHzlSELH/mA7Kj5KjH2tCrkbwYzdxknkL0QQ=$pnTcXKaWVT+FwFDdk3vO1K0J7ZgOxdSU1tCJNYmn8zI=",
		"$md5-crypt$b44ZDsnw$9D9z/TCVXPWsTkz9qnSBS/",
		"$sha256-crypt$rounds=535000$1AhJGf0tkCty1jNS$Pu6o3i5PsT6F4AG2F99AsK/rXyYymXII3OtO.paxQp9",
		"$sha512-crypt$rounds=656000$L6GsrFY85uzwktkh$gD2vwQpyaBn.FIBgjp2TCQHCQ3bMft49oIzr.nssNKo7ogR5zWnyVkTg4yv1gvzTNZ0oEISHEOOMxNIi3nS.h1",
	} {
		if err := secret.ValidHash(encoded); err != nil {
			t.Errorf("%.20s…: %v", encoded, err)
		}
	}
}

func TestValidHashRefuses(t *testing.T) {
	s32 := strings.Repeat("A", 43) // base64 of 32 zero bytes
	for name, encoded := range map[string]string{
		"empty":                          "",
		"plain text":                     "password",
		"a dollar":                       "$",
		"unknown algorithm":              "$unknown$12$o6hx.Wog/wvFSkT/Bp/6DOxCtLRTDj7lm9on9suF/WaCGNVHbkfL6",
		"our own keyed digest":           "$gh-hmac$abc$" + s32,
		"argon2d":                        "$argon2d$v=19$m=64,t=3,p=1$c2FsdHNhbHQ$2dqk+As3qMo/XSkJ7wdAmMbD+ia4pQGDhcA8tPmHus0",
		"argon2 memory":                  "$argon2id$v=19$m=1048577,t=1,p=1$c2FsdHNhbHQ$" + s32,
		"argon2 time":                    "$argon2id$v=19$m=64,t=11,p=1$c2FsdHNhbHQ$" + s32,
		"bcrypt cost above":              "$2a$16$GRvRO2nrpYTEuPQX6AieaOlZ4.7nMGsXpt.QWMev1zrP86JNspZbO",
		"bcrypt cost below":              "$2a$03$GRvRO2nrpYTEuPQX6AieaOlZ4.7nMGsXpt.QWMev1zrP86JNspZbO",
		"bcrypt cost 99":                 "$2a$99$GRvRO2nrpYTEuPQX6AieaOlZ4.7nMGsXpt.QWMev1zrP86JNspZbO",
		"bcrypt cost in letters":         "$2a$1a$GRvRO2nrpYTEuPQX6AieaOlZ4.7nMGsXpt.QWMev1zrP86JNspZbO",
		"bcrypt with a bug":              "$2x$10$GRvRO2nrpYTEuPQX6AieaOlZ4.7nMGsXpt.QWMev1zrP86JNspZbO",
		"bcrypt without letter":          "$2$10$GRvRO2nrpYTEuPQX6AieaOlZ4.7nMGsXpt.QWMev1zrP86JNspZbOx",
		"bcrypt cut":                     "$2a$10$GRvRO2nrpYTEuPQX6AieaOlZ4.7nMGsXpt.QWMev1zrP86JNspZb",
		"bcrypt of other characters":     "$2a$10$GRvRO2nrpYTEuPQX6AieaOlZ4.7nMGsXpt.QWMev1zrP86JNspZ\n0",
		"pbkdf2 without rounds":          "$pbkdf2-sha256$1jP+5Zxpxgtee$" + s32,
		"pbkdf2 rounds in letters":       "$pbkdf2-sha256$aaaa$c2FsdHNhbHQ$" + s32,
		"pbkdf2 too many rounds":         "$pbkdf2-sha256$i=2000001,l=32$c2FsdHNhbHQ$" + s32,
		"pbkdf2 too many blocks":         "$pbkdf2-sha1$i=2000000,l=64$c2FsdHNhbHQ$" + strings.Repeat("A", 86),
		"pbkdf2 upper case":              "$pbkdf2-sha512$I=100000,l=32$c2FsdHNhbHQ$" + s32,
		"pbkdf2 of a hash of its own":    "$pbkdf2-md5$i=1000,l=16$c2FsdHNhbHQ$" + s32,
		"pbkdf2 of a short hash":         "$pbkdf2-sha256$i=1000,l=4$c2FsdHNhbHQ$AAAAAA",
		"scrypt N above":                 "$scrypt$ln=262144,r=8,p=1$c2FsdHNhbHQ$" + s32,
		"scrypt N above as logarithm":    "$scrypt$ln=18,r=8,p=1$c2FsdHNhbHQ$" + s32,
		"scrypt N no power of two":       "$scrypt$ln=16385,r=8,p=1$c2FsdHNhbHQ$" + s32,
		"scrypt r above":                 "$scrypt$ln=1024,r=9,p=1$c2FsdHNhbHQ$" + s32,
		"scrypt p above":                 "$scrypt$ln=1024,r=8,p=11$c2FsdHNhbHQ$" + s32,
		"scrypt without parameters":      "$scrypt$c2FsdHNhbHQ$" + s32,
		"scrypt salt no base64":          "$scrypt$ln=16384,r=8,p=1$(2npRo7P0$" + s32,
		"firescrypt without signer key":  "$firescrypt$ln=14,r=8,p=1$sPtDhWcd1MfdAw==$" + s32 + "$Bw==",
		"firescrypt of unequal lengths":  "$firescrypt$ln=14,r=8,p=1$sPtDhWcd1MfdAw==$" + s32 + "$Bw==$" + strings.Repeat("A", 86),
		"SSHA too short":                 "{SSHA}tooshort",
		"SSHA of another hash":           "{SSHA384}" + strings.Repeat("A", 86),
		"SSHA not closed":                "{SSHA",
		"sha1 without format":            "$sha1$pf=$NW9wbWtnejAzcg==$2qU2SGWP8viTM1md3FiI3+rjWXQ=",
		"sha1 without format at all":     "$sha1$NW9wbWtnejAzcg==$2qU2SGWP8viTM1md3FiI3+rjWXQ=",
		"sha1 of a format of salt alone": "$sha1$pf=e1NBTFR9$NW9wbWtnejAzcg==$2qU2SGWP8viTM1md3FiI3+rjWXQ=",
		"sha1 with the hash of md5":      "$sha1$pf=e1NBTFR9e1BBU1NXT1JEfQ==$MTIz$q+RdKCgc+ipCAcm5ChQwlQ==",
		"sha384":                         "$sha384$pf=e1NBTFR9e1BBU1NXT1JEfQ==$MTIz$" + strings.Repeat("A", 64),
		"md5 empty":                      "$md5$",
		"md5 of a bad format":            "$md5$pf=MTIz$Z$",
		"md5-crypt without salt part":    "$md5-crypt$whuMjZj.HMFoaTaZRRtkO0",
		"md5-crypt with rounds":          "$md5-crypt$rounds=1000$TVEiiKNb$SN6/pUaRQS/E8Jh46As2C/",
		"sha256-crypt empty":             "$sha256-crypt$$",
		"sha256-crypt rounds above":      "$5$rounds=1000001$saltstring$95Bg/RfV2QriLpMdLPHK9el0Ighm6E3CBqMKzZKgCa2",
		"sha256-crypt rounds below":      "$5$rounds=999$saltstring$95Bg/RfV2QriLpMdLPHK9el0Ighm6E3CBqMKzZKgCa2",
		"sha256-crypt long salt":         "$5$saltstringsaltstr$95Bg/RfV2QriLpMdLPHK9el0Ighm6E3CBqMKzZKgCa2",
		"hmac without key":               "$hmac-md5$ZmU4Njk3Zjc0MmQwODA0MDVkMTI3MGU2MTYzMzE2Zjk=",
		"hmac of an empty key":           "$hmac-md5$ZmU4Njk3Zjc0MmQwODA0MDVkMTI3MGU2MTYzMzE2Zjk=$",
		"hmac without hash":              "$hmac-md5$$MTIzNDU=",
		"hmac of no algorithm":           "$hmac$ZmU4Njk3Zjc0MmQwODA0MDVkMTI3MGU2MTYzMzE2Zjk=$MTIzNDU=",
		"hmac of an unknown algorithm":   "$hmac-invalid$ZmU4Njk3Zjc0MmQwODA0MDVkMTI3MGU2MTYzMzE2Zjk=$MTIzNDU=",
		"hmac not of hexadecimal":        "$hmac-md5$enp6enp6enp6enp6enp6enp6enp6enp6enp6enp6eno=$MTIzNDU=",
		"too long":                       "$hmac-md5$ZmU4Njk3Zjc0MmQwODA0MDVkMTI3MGU2MTYzMzE2Zjk=$" + strings.Repeat("AAAA", 600),
	} {
		err := secret.ValidHash(encoded)
		if !errors.Is(err, secret.ErrFormat) {
			t.Errorf("%s: %v", name, err)
		} else if len(encoded) > 20 && strings.Contains(err.Error(), encoded[len(encoded)-20:]) {
			t.Errorf("%s: the error quotes the hash: %v", name, err)
		}
	}
}

// TestAccepts: what is importable in general may be too much for this server's memory.
func TestAccepts(t *testing.T) {
	h := hasher(t, cheap()) // 1 MiB
	const big = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if err := secret.ValidHash(big); err != nil {
		t.Error(err)
	}
	if err := h.Accepts(big); !errors.Is(err, secret.ErrFormat) || !strings.Contains(err.Error(), "hashing.max_memory") {
		t.Errorf("Accepts = %v", err)
	}
	if _, _, err := h.VerifyPassword(t.Context(), big, "password"); !errors.Is(err, secret.ErrFormat) {
		t.Errorf("VerifyPassword = %v", err)
	}
	if err := h.Accepts("$2a$12$o6hx.Wog/wvFSkT/Bp/6DOxCtLRTDj7lm9on9suF/WaCGNVHbkfL6"); err != nil {
		t.Error(err)
	}
}

func TestBcryptAsAlgorithm(t *testing.T) {
	c := cheap()
	c.Algorithm, c.Bcrypt.Cost = secret.Bcrypt, 4
	h := hasher(t, c)
	if h.Longest() != 72 {
		t.Errorf("Longest = %d", h.Longest())
	}
	long := strings.Repeat("a", 72)
	encoded, err := h.Hash(t.Context(), long)
	if err != nil || !strings.HasPrefix(encoded, "$2a$04$") {
		t.Fatalf("Hash = %s, %v", encoded, err)
	}
	if ok, stale, err := h.VerifyPassword(t.Context(), encoded, long); !ok || stale || err != nil {
		t.Errorf("its own: %v, stale %v, %v", ok, stale, err)
	}
	if ok, _, err := h.VerifyPassword(t.Context(), encoded, long[1:]); ok || err != nil {
		t.Errorf("wrong: %v, %v", ok, err)
	}
	if _, err := h.Hash(t.Context(), long+"a"); !errors.Is(err, secret.ErrTooLong) {
		t.Errorf("too long: %v", err)
	}
	for name, old := range map[string]string{
		"another cost": "$2b$05$RDT/cFpYHHLJkoaa7UYSK.5Rt47u3mPflWCUFirTRrBGvorpMI2HW",
		"argon2":       "$argon2id$v=19$m=256,t=2,p=2$c2FsdHNhbHQ$yWWF01rDif7q0E03DEL7qJGeH9fdOPOw+48bBtXF+QE",
	} {
		if ok, stale, err := h.VerifyPassword(t.Context(), old, horse); !ok || !stale || err != nil {
			t.Errorf("%s: %v, stale %v, %v", name, ok, stale, err)
		}
	}
	if err := h.Pretend(t.Context(), "x"); err != nil {
		t.Error(err)
	}
}

// TestVerifyPasswordForgets: what a person types is not kept, also where it was right.
func TestVerifyPasswordForgets(t *testing.T) {
	h := hasher(t, cheap())
	encoded, err := h.Hash(t.Context(), "password")
	if err != nil {
		t.Fatal(err)
	}
	if ok, stale, err := h.VerifyPassword(t.Context(), encoded, "password"); !ok || stale || err != nil || h.Remembered() != 0 {
		t.Errorf("%v, stale %v, %v, %d remembered", ok, stale, err, h.Remembered())
	}
}

// TestPretendWaitsLikeTheRest: the work for names that nobody has is bounded as the rest is, and costs the same memory.
func TestPretendWaitsLikeTheRest(t *testing.T) {
	c := cheap()
	c.MaxWaiting = 0
	h := hasher(t, c)
	free := h.Exhaust()
	if err := h.Pretend(t.Context(), "password"); !errors.Is(err, secret.ErrBusy) {
		t.Errorf("Pretend: %v", err)
	}
	if _, _, err := h.VerifyPassword(t.Context(), "$md5$CY9rzUYh03PK3k6DJie09g==", "wrong"); !errors.Is(err, secret.ErrBusy) {
		t.Errorf("VerifyPassword of a cheap hash: %v", err)
	}
	free()
	if err := h.Pretend(t.Context(), "password"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestWrongPasswordIsDear: a wrong password for a hash that is cheaper than today's costs today's on top.
func TestWrongPasswordIsDear(t *testing.T) {
	c := cheap()
	before := hasher(t, c)
	cheaper, err := before.Hash(t.Context(), "password")
	if err != nil {
		t.Fatal(err)
	}
	c.Memory, c.Time = 512, 2
	h := hasher(t, c)
	same, err := h.Hash(t.Context(), "password")
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		encoded string
		want    int
	}{
		"today's":       {same, 1},
		"dearer":        {"$argon2id$v=19$m=1024,t=2,p=1$c2FsdHNhbHQ$yWWF01rDif7q0E03DEL7qJGeH9fdOPOw+48bBtXF+QE", 1},
		"cheaper":       {cheaper, 2},
		"another kind":  {"$md5$CY9rzUYh03PK3k6DJie09g==", 2},
		"another still": {"$2b$05$RDT/cFpYHHLJkoaa7UYSK.5Rt47u3mPflWCUFirTRrBGvorpMI2HW", 2},
	} {
		before := h.Computed()
		if ok, _, err := h.VerifyPassword(t.Context(), tc.encoded, "wrong"); ok || err != nil {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
		if n := h.Computed() - before; n != tc.want {
			t.Errorf("%s: %d computations, want %d", name, n, tc.want)
		}
	}
}

func TestHashConfigFaults(t *testing.T) {
	for name, tc := range map[string]struct {
		change     func(*secret.HashConfig)
		begins     string
		production bool
	}{
		"algorithm":           {func(c *secret.HashConfig) { c.Algorithm = "md5" }, "algorithm: ", false},
		"bcrypt above":        {func(c *secret.HashConfig) { c.Algorithm, c.Bcrypt.Cost = secret.Bcrypt, 16 }, "bcrypt.cost: ", false},
		"bcrypt below":        {func(c *secret.HashConfig) { c.Algorithm, c.Bcrypt.Cost = secret.Bcrypt, 3 }, "bcrypt.cost: ", false},
		"passes":              {func(c *secret.HashConfig) { c.Time = 11 }, "time: ", false},
		"cheap argon2":        {func(c *secret.HashConfig) { c.Memory, c.Time = 8192, 4 }, "memory: ", true},
		"cheap bcrypt":        {func(c *secret.HashConfig) { c.Algorithm, c.Bcrypt.Cost = secret.Bcrypt, 11 }, "bcrypt.cost: ", true},
		"default":             {func(*secret.HashConfig) {}, "", true},
		"bcrypt at its least": {func(c *secret.HashConfig) { c.Algorithm, c.Memory = secret.Bcrypt, 64 }, "", true},
	} {
		c := secret.DefaultHashConfig()
		tc.change(&c)
		faults := c.Validate()
		if tc.production {
			if len(faults) > 0 {
				t.Errorf("%s: %v", name, faults)
			}
			if key, why := c.Cheap(); why != "" {
				faults = []error{errors.New(key + ": " + why)}
			}
		}
		if tc.begins == "" && len(faults) > 0 || tc.begins != "" && (len(faults) != 1 || !strings.HasPrefix(faults[0].Error(), tc.begins)) {
			t.Errorf("%s: %v", name, faults)
		}
	}
}

// FuzzImportedHash: a hostile string fits no password, and its bounds keep it from hanging the fuzzer.
func FuzzImportedHash(f *testing.F) {
	h := hasher(f, cheap())
	for _, v := range madeElsewhere {
		f.Add(v.encoded)
	}
	for _, seed := range []string{
		"$scrypt$ln=20,r=8,p=10$$AAAAAAAAAAAAAAAAAAAAAA", "$sha1$pf=e1BBU1NXT1JE$$", "{SSHA}", "$2a$", "$$$$$$", "$pbkdf2-$$$",
		"$md5$pf=e3t7e1BBU1NXT1JEfX19$$AAAAAAAAAAAAAAAAAAAAAA", "$firescrypt$ln=1,r=1,p=1$$$$",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ok, _, err := h.VerifyPassword(t.Context(), text, "a password that no seed has")
		if ok {
			t.Errorf("%q accepted", text)
		}
		if err == nil && secret.ValidHash(text) != nil {
			t.Errorf("%q verified, but not importable", text)
		}
	})
}
