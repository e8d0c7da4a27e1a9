package backup

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/dataset"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// Kind says how much a backup holds.
type Kind string

// The kinds.
const (
	// Full backups stand alone.
	Full Kind = "full"
	// Incremental ones need their parent, and hold what that lacks.
	Incremental Kind = "incremental"
)

// Manifest says what a backup is. It is written last, so files without one are no backup.
type Manifest struct {
	// Format is 1.
	Format int `json:"format"`
	// ID is the time at which it began and something random; IDs are in the order of time.
	ID   string `json:"id"`
	Kind Kind   `json:"kind"`
	// Parent is the backup that it builds on, and Base the full one at the end of them all, itself where it is full.
	Parent string `json:"parent,omitempty"`
	Base   string `json:"base"`
	// CreatedAt is when it began: what was written before is in it.
	CreatedAt time.Time `json:"created_at"`
	// Millis is how long it took. Unit: milliseconds.
	Millis int64 `json:"millis"`
	// Version is the Gatehouse that made it.
	Version string `json:"gatehouse"`
	// Schema is the newest migration of each database.
	Schema map[string]int64 `json:"schema"`
	// Tables are what can be restored from it, not only what it holds itself.
	Tables []dataset.Summary `json:"tables"`
	Rows   int64             `json:"rows"`
	// Chunks is how many there are, and Fresh how many of them it holds itself.
	Chunks int `json:"chunks"`
	Fresh  int `json:"fresh_chunks"`
	// Data is the encrypted file, and Index the digests of all chunks.
	Data  File `json:"data"`
	Index File `json:"index"`
	// Recipients are the public keys for whose owners it is encrypted.
	Recipients []string `json:"recipients"`
	// SealKeys are the secrets that a server on its data needs, without any secret.
	SealKeys []SealKey `json:"seal_keys"`
	// ChunkKey is what makes the digests of chunks, sealed under the server's secrets.
	ChunkKey string `json:"chunk_key"`
	// Digest is SHA-256 of the rest, in hex. MAC is over the same, by the server's secrets, in base64.
	Digest string `json:"digest"`
	MAC    string `json:"mac"`
}

// File is a file of a backup.
type File struct {
	// Size is in bytes.
	Size int64 `json:"size"`
	// SHA256 is of its bytes, in hex.
	SHA256 string `json:"sha256"`
}

// SealKey is a secret that has sealed values of a database.
type SealKey = dataset.SealKey

// The names of a backup's files.
const (
	dataSuffix     = ".zst.age"
	indexSuffix    = ".chunks"
	manifestSuffix = ".json"
	prefix         = "gatehouse-"
)

var nameOfFile = regexp.MustCompile(`^gatehouse-([0-9]{8}T[0-9]{6}\.[0-9]{3}Z-[0-9a-z]{8})(\.zst\.age|\.chunks|\.json|\.drill)$`)

// taken takes the name of a file apart.
func taken(name string) (id, suffix string, ok bool) {
	m := nameOfFile.FindStringSubmatch(name)
	if m == nil {
		return "", "", false
	}
	return m[1], m[2], true
}

const idTime = "20060102T150405.000Z"

// bytes is what Digest and MAC are over.
func (m Manifest) bytes() ([]byte, error) {
	m.Digest, m.MAC = "", ""
	return json.Marshal(m)
}

// encode signs a manifest and gives its file.
func (m *Manifest) encode(ring *secret.Ring) ([]byte, error) {
	content, err := m.bytes()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(content)
	m.Digest, m.MAC = hex.EncodeToString(sum[:]), base64.StdEncoding.EncodeToString(ring.MAC(content))
	file, err := json.MarshalIndent(m, "", "  ")
	return append(file, '\n'), err
}

var (
	errManifest = errors.New("the manifest cannot be read or was changed")
	errForeign  = errors.New("the manifest was not made with the secrets in secrets.system: it is another installation's, its secret was taken out, or somebody changed it")
)

// decode reads a manifest's file. Whether it is authentic is another question.
func decode(id string, file []byte) (*Manifest, error) {
	var m Manifest
	if json.Unmarshal(file, &m) != nil {
		return nil, errManifest
	}
	if m.Format != 1 {
		return nil, fmt.Errorf("the manifest has format %d: read it with the version of Gatehouse that wrote it, or a later one", m.Format)
	}
	content, err := m.bytes()
	if err != nil {
		return nil, errManifest
	}
	sum := sha256.Sum256(content)
	if m.ID != id || m.Digest != hex.EncodeToString(sum[:]) || (m.Kind == Full) != (m.Parent == "") || m.Parent >= m.ID {
		return nil, errManifest
	}
	return &m, nil
}

// authentic fails with errForeign where the manifest is not ours.
func (m *Manifest) authentic(ring *secret.Ring) error {
	content, err := m.bytes()
	if err != nil {
		return err
	}
	mac, err := base64.StdEncoding.DecodeString(m.MAC)
	if err != nil || !ring.VerifyMAC(content, mac) {
		return errForeign
	}
	return nil
}

// binding ties a sealed chunk key to its series.
func binding(base string) []byte { return []byte("chunks of " + base) }
