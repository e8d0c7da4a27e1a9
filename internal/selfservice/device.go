package selfservice

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/limit"
	"github.com/gatehouse-iam/gatehouse/internal/tenant"
)

// A browser in which somebody has signed in is known for the name that they proved: it has failures of its own, and nobody locks
// its owner out from elsewhere (https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies). What it
// knows is in a sealed cookie: nobody makes one up, and one that was got with a name is of no use for another name, nor in
// another tenant.

const (
	// mostDevices is how many names a browser is known for: those that it proved last.
	mostDevices = 8
	// deviceBytes is the size of a device's name and of its id.
	deviceBytes = 16
	// deviceForm is the first byte of the cookie, for the day on which there is another form.
	deviceForm = 1
)

// device is what a browser knows of one name.
type device struct {
	name [deviceBytes]byte // digest of the tenant and the name
	id   [deviceBytes]byte // random: what failures are counted for
	seen time.Time         // when the name was proved last, in seconds
}

// devices are the names that a browser is known for, the last proved first, and those that the submission claims.
type devices struct {
	tenant  tenant.ID
	known   []device
	claimed []string
}

// From is where failures to prove the name are counted in the limits: for the browser, if it is known to be the person's, else
// for the client's address. If the submission signs somebody in, the browser is known for the name from then on.
func (s *Submission) From(name string) string {
	if s.devices == nil {
		return address(s.Client.IP)
	}
	s.devices.claimed = append(s.devices.claimed, name)
	if i := s.devices.find(name); i >= 0 {
		return limit.Device + base64.RawURLEncoding.EncodeToString(s.devices.known[i].id[:])
	}
	return address(s.Client.IP)
}

// recipient is what messages to an address are counted under. Browsers that are known to be those of its owner are counted apart,
// all of them together: strangers who have used up what is sent to the address do not keep its owner from a code.
func (s *Submission) recipient(address string) string {
	if s.devices != nil && slices.ContainsFunc(proofsOf(address), func(name string) bool { return s.devices.find(name) >= 0 }) {
		return limit.To + limit.Device + address
	}
	return limit.To + address
}

// PasswordName is what failures of passwords are counted for: an identifier as the store normalises it.
func PasswordName(identifier string) string { return "password:" + identifier }

// CodeName is what failures of codes are counted for: whom they were sent to, over all flows of a kind.
func CodeName(kind Kind, to string) string { return "code:" + string(kind) + ":" + to }

// proofsOf are the names by which a browser is known whose person has signed in with an address.
func proofsOf(address string) []string {
	return []string{
		PasswordName(address), CodeName(KindLogin, address), CodeName(KindRecovery, address), CodeName(KindVerification, address),
		CodeName(KindRegistration, address),
	}
}

// deviceName is what a name is called in the cookie.
func (d *devices) deviceName(name string) (out [deviceBytes]byte) {
	sum := sha256.Sum256([]byte("selfservice device\x00" + string(d.tenant) + "\x00" + name))
	copy(out[:], sum[:])
	return out
}

func (d *devices) find(name string) int {
	want := d.deviceName(name)
	return slices.IndexFunc(d.known, func(k device) bool { return k.name == want })
}

// prove notes that the claimed names were proved now. It reports whether there were any.
func (d *devices) prove(now time.Time) bool {
	for _, name := range d.claimed {
		proved := device{name: d.deviceName(name), seen: now}
		if i := d.find(name); i >= 0 {
			proved.id = d.known[i].id
			d.known = slices.Delete(d.known, i, i+1)
		} else {
			_, _ = rand.Read(proved.id[:]) // it never fails
		}
		d.known = slices.Insert(d.known, 0, proved)
	}
	d.known = d.known[:min(len(d.known), mostDevices)]
	return len(d.claimed) > 0
}

// encode writes what the browser keeps.
func (d *devices) encode() string {
	out := []byte{deviceForm}
	for _, k := range d.known {
		out = append(append(out, k.name[:]...), k.id[:]...)
		out = binary.BigEndian.AppendUint64(out, uint64(k.seen.Unix()))
	}
	return string(out)
}

// decode reads what encode wrote and leaves out what was not seen since then. Another form is as good as nothing.
func (d *devices) decode(text string, since time.Time) {
	const size = 2*deviceBytes + 8
	if text == "" || text[0] != deviceForm || (len(text)-1)%size != 0 {
		return
	}
	for at := range slices.Chunk([]byte(text[1:]), size) {
		k := device{seen: time.Unix(int64(binary.BigEndian.Uint64(at[2*deviceBytes:])), 0)}
		copy(k.name[:], at)
		copy(k.id[:], at[deviceBytes:])
		if k.seen.After(since) && len(d.known) < mostDevices {
			d.known = append(d.known, k)
		}
	}
}
