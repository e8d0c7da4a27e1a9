package main

import (
	"archive/tar"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// most is what an image may weigh when it is transferred, in bytes.
const most = 30_000_000

// files makes a directory with something in the place of each program.
func files(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, program := range programs {
		if err := os.WriteFile(filepath.Join(dir, program), []byte("this is "+program), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The same files give the same digest, wherever and whenever they are packed.
func TestSameFilesSameDigest(t *testing.T) {
	var digests []string
	for range 2 {
		out := filepath.Join(t.TempDir(), "image")
		if err := run([]string{"-version", "1.2.3", "-output", out, "amd64=" + files(t), "arm64=" + files(t)}, io.Discard); err != nil {
			t.Fatal(err)
		}
		index, err := layout.ImageIndexFromPath(out)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate.Index(index); err != nil {
			t.Error(err)
		}
		digest, err := index.Digest()
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, digest.String())
	}
	if digests[0] != digests[1] {
		t.Errorf("two digests: %v", digests)
	}
}

func TestWhatIsInIt(t *testing.T) {
	image, err := pack(files(t), "amd64", "1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.Config.User != "65532:65532" || len(config.Config.Entrypoint) != 1 || config.Config.Entrypoint[0] != "/gatehouse" || config.Config.Labels["org.opencontainers.image.version"] != "1.2.3" {
		t.Errorf("%+v", config.Config)
	}
	found := map[string]*tar.Header{}
	stream := mutate.Extract(image)
	defer func() { _ = stream.Close() }()
	for r := tar.NewReader(stream); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		found[h.Name] = h
		if h.Mode&0o6000 != 0 || h.Mode&0o002 != 0 && h.Mode&0o1000 == 0 {
			t.Errorf("%s has mode %o", h.Name, h.Mode)
		}
	}
	for _, e := range base() {
		if found[e.name] == nil && found[filepath.Clean(e.name)] == nil {
			t.Errorf("%s is missing", e.name)
		}
	}
	for _, program := range programs {
		if h := found[program]; h == nil || h.Mode != 0o755 {
			t.Errorf("%s: %+v", program, h)
		}
	}
	if len(found) != len(base())+len(programs) {
		t.Errorf("%d files, want %d", len(found), len(base())+len(programs))
	}
	known := 0
	for block, rest := pem.Decode(authorities()); block != nil; block, rest = pem.Decode(rest) {
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			t.Error(err)
		}
		known++
	}
	if known < 100 {
		t.Errorf("%d authorities", known)
	}
}

func TestMistakes(t *testing.T) {
	for _, args := range [][]string{{}, {"-output", "x"}, {"-output", "x", "amd64"}, {"-output", "x", "amd64=/nonexistent"}, {"-nonsense"}} {
		if err := run(args, io.Discard); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}

// What is released is small enough to be fetched anywhere.
func TestWeight(t *testing.T) {
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "scripts/build", dir+"/", "./cmd/gatehouse", "./cmd/gatehouse-controller")
	build.Dir = "../.."
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	image, err := pack(dir, "amd64", "test")
	if err != nil {
		t.Fatal(err)
	}
	size, err := compressed(image)
	if err != nil || size > most {
		t.Errorf("%d bytes, more than %d: %v", size, most, err)
	}
	t.Logf("%.1f MB compressed", float64(size)/1e6)
}
