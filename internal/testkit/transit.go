package testkit

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Transit is a Vault or OpenBao server as far as its Transit engine's encrypt, decrypt and rotate go: keys have versions, values
// are sealed with AES-256-GCM, and what is refused is refused with the statuses and in the words of Vault's HTTP API.
type Transit struct {
	// URL is the server's address, and Token the only one that it takes.
	URL, Token string
	// Namespace is asked for in every request; empty where there are none.
	Namespace string

	mu     sync.Mutex
	sealed bool
	keys   map[string][]cipher.AEAD // by name, by version
	asked  int
}

// NewTransit starts a server for the length of the test. Its engine is mounted at transit.
func NewTransit(t testing.TB) *Transit {
	t.Helper()
	v := &Transit{Token: "hvs." + rand.Text(), keys: map[string][]cipher.AEAD{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/transit/encrypt/{key}", v.guarded(v.encrypt))
	mux.HandleFunc("POST /v1/transit/decrypt/{key}", v.guarded(v.decrypt))
	mux.HandleFunc("POST /v1/transit/keys/{key}/rotate", v.guarded(v.rotate))
	mux.HandleFunc("/", v.guarded(func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusNotFound, fmt.Sprintf("no handler for route %q. route entry not found.", strings.TrimPrefix(r.URL.Path, "/v1/")))
	}))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	v.URL = server.URL
	return v
}

// Seal has the server refuse everything, as one that was restarted does until somebody unseals it.
func (v *Transit) Seal(sealed bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sealed = sealed
}

// Asked counts the requests that were let in.
func (v *Transit) Asked() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.asked
}

func (v *Transit) guarded(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v.mu.Lock()
		defer v.mu.Unlock()
		switch {
		case v.sealed:
			refuse(w, http.StatusServiceUnavailable, "Vault is sealed")
		case r.Header.Get("X-Vault-Token") != v.Token || r.Header.Get("X-Vault-Namespace") != v.Namespace:
			refuse(w, http.StatusForbidden, "permission denied")
		default:
			v.asked++
			serve(w, r)
		}
	}
}

func (v *Transit) encrypt(w http.ResponseWriter, r *http.Request) {
	plain, err := base64.StdEncoding.DecodeString(member(r, "plaintext"))
	if err != nil {
		refuse(w, http.StatusBadRequest, "failed to base64-decode plaintext")
		return
	}
	name := r.PathValue("key")
	if len(v.keys[name]) == 0 { // Vault makes the key where the policy allows to create it
		v.keys[name] = []cipher.AEAD{newAEAD()}
	}
	version := len(v.keys[name])
	aead := v.keys[name][version-1]
	nonce := make([]byte, aead.NonceSize())
	rand.Read(nonce)
	answer(w, map[string]any{
		"ciphertext":  fmt.Sprintf("vault:v%d:%s", version, base64.StdEncoding.EncodeToString(aead.Seal(nonce, nonce, plain, nil))),
		"key_version": version,
	})
}

func (v *Transit) decrypt(w http.ResponseWriter, r *http.Request) {
	versions, found := v.keys[r.PathValue("key")]
	parts := strings.SplitN(member(r, "ciphertext"), ":", 3)
	if !found {
		refuse(w, http.StatusBadRequest, "encryption key not found")
		return
	}
	if len(parts) != 3 || parts[0] != "vault" || !strings.HasPrefix(parts[1], "v") {
		refuse(w, http.StatusBadRequest, "invalid ciphertext: no prefix")
		return
	}
	version, err := strconv.Atoi(parts[1][1:])
	raw, wrong := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || wrong != nil || version < 1 || version > len(versions) || len(raw) < versions[0].NonceSize() {
		refuse(w, http.StatusBadRequest, "invalid ciphertext: version or content could not be decoded")
		return
	}
	aead := versions[version-1]
	plain, err := aead.Open(nil, raw[:aead.NonceSize()], raw[aead.NonceSize():], nil)
	if err != nil {
		refuse(w, http.StatusBadRequest, "cipher: message authentication failed")
		return
	}
	answer(w, map[string]any{"plaintext": base64.StdEncoding.EncodeToString(plain)})
}

func (v *Transit) rotate(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("key")
	v.keys[name] = append(v.keys[name], newAEAD())
	w.WriteHeader(http.StatusNoContent)
}

func newAEAD() cipher.AEAD {
	key := make([]byte, 32)
	rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("testkit: " + err.Error()) // the length is right
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic("testkit: " + err.Error()) // AES has the block size that GCM wants
	}
	return aead
}

// member reads a text of the request's body; "" where there is none.
func member(r *http.Request, name string) string {
	var body map[string]any
	if json.NewDecoder(r.Body).Decode(&body) != nil {
		return ""
	}
	s, _ := body[name].(string)
	return s
}

func answer(w http.ResponseWriter, data map[string]any) {
	reply(w, http.StatusOK, map[string]any{"request_id": "", "lease_id": "", "renewable": false, "data": data})
}

func refuse(w http.ResponseWriter, status int, why string) {
	reply(w, status, map[string]any{"errors": []string{why}})
}

func reply(w http.ResponseWriter, status int, body map[string]any) {
	text, err := json.Marshal(body)
	if err != nil {
		panic("testkit: " + err.Error()) // all of it is text and numbers
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}
