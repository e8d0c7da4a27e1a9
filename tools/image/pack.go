package main

import (
	"archive/tar"
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// user is who runs in the image: no user of any system, and not root.
const user = 65532

// programs are the files that each architecture's directory holds. The first one is what the image runs.
var programs = []string{"gatehouse", "gatehouse-controller"}

// entry is a file or, without content, a directory of the image.
type entry struct {
	name    string
	mode    int64
	owner   int
	content []byte
}

// pack makes the image of an architecture from the programs in a directory. Each program has a layer of its own, so that an upgrade
// transfers what changed.
func pack(directory, architecture, version string) (v1.Image, error) {
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err := mutate.ConfigFile(image, &v1.ConfigFile{
		OS: "linux", Architecture: architecture, Created: v1.Time{Time: time.Unix(0, 0).UTC()},
		Config: v1.Config{
			Entrypoint: []string{"/" + programs[0]}, Cmd: []string{"serve"}, User: fmt.Sprintf("%d:%d", user, user), WorkingDir: "/var/lib/gatehouse",
			Env:          []string{"PATH=/", "HOME=/var/lib/gatehouse", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"},
			ExposedPorts: map[string]struct{}{"4444/tcp": {}, "4445/tcp": {}},
			Labels: map[string]string{
				"org.opencontainers.image.title": "gatehouse", "org.opencontainers.image.version": version, "org.opencontainers.image.licenses": "Apache-2.0",
				"org.opencontainers.image.source": "https://github.com/gatehouse-iam/gatehouse",
			},
		},
		RootFS: v1.RootFS{Type: "layers"},
	})
	if err != nil {
		return nil, err
	}
	layers := [][]entry{base()}
	for _, program := range programs {
		content, err := os.ReadFile(filepath.Join(directory, program))
		if err != nil {
			return nil, err
		}
		layers = append(layers, []entry{{name: program, mode: 0o755, content: content}})
	}
	for _, entries := range layers {
		layer, err := layerOf(entries)
		if err != nil {
			return nil, err
		}
		if image, err = mutate.Append(image, mutate.Addendum{Layer: layer, History: v1.History{CreatedBy: "gatehouse tools/image", Created: v1.Time{Time: time.Unix(0, 0).UTC()}}}); err != nil {
			return nil, err
		}
	}
	return image, nil
}

// base is what programs expect of a system.
func base() []entry {
	return []entry{
		{name: "etc/", mode: 0o755},
		{name: "etc/group", mode: 0o644, content: fmt.Appendf(nil, "root:x:0:\ngatehouse:x:%d:\n", user)},
		{name: "etc/passwd", mode: 0o644, content: fmt.Appendf(nil, "root:x:0:0:root:/:/none\ngatehouse:x:%d:%d:gatehouse:/var/lib/gatehouse:/none\n", user, user)},
		{name: "etc/ssl/", mode: 0o755},
		{name: "etc/ssl/certs/", mode: 0o755},
		{name: "etc/ssl/certs/ca-certificates.crt", mode: 0o644, content: authorities()},
		{name: "tmp/", mode: 0o1777},
		{name: "var/", mode: 0o755},
		{name: "var/lib/", mode: 0o755},
		{name: "var/lib/gatehouse/", mode: 0o700, owner: user},
	}
}

// authorities are those that Mozilla trusts, but for those that it trusts with conditions, which a file cannot express.
func authorities() []byte {
	var b bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			b.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}))
		}
	}
	return b.Bytes()
}

// layerOf makes a layer of files, all of which are as old as time itself.
func layerOf(entries []entry) (v1.Layer, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: e.mode, Uid: e.owner, Gid: e.owner, Size: int64(len(e.content)), Typeflag: tar.TypeReg, ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
		if e.content == nil {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := w.Write(e.content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil }
	return tarball.LayerFromOpener(open, tarball.WithCompressionLevel(9), tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
}

// compressed gives how much is transferred for an image, in bytes.
func compressed(image v1.Image) (int64, error) {
	manifest, err := image.Manifest()
	if err != nil {
		return 0, err
	}
	sum := manifest.Config.Size
	for _, layer := range manifest.Layers {
		sum += layer.Size
	}
	return sum, nil
}
