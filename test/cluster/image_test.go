package cluster

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

// image is what a container image of one layer is made of.
type image struct {
	name string
	// files are paths in the image and where they come from on this machine: files, and whole directories.
	files map[string]string
	// texts are further files, which may be run; directories are empty and anybody may write into them.
	texts       map[string]string
	directories []string
	entrypoint  []string
	user        string
	// stop is the signal with which it is asked to end; "" means TERM.
	stop string
}

// importImage packs an image as `docker save` would and gives it to containerd: no registry has it.
func importImage(ctx context.Context, directory string, i image) error {
	layer := filepath.Join(directory, "layer.tar")
	digest, err := writeTar(layer, i.pack)
	if err != nil {
		return fmt.Errorf("%s: %w", i.name, err)
	}
	config := map[string]any{
		"os": "linux", "architecture": runtime.GOARCH, "rootfs": map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + digest}},
		"config": map[string]any{"Entrypoint": i.entrypoint, "User": i.user, "StopSignal": i.stop, "Env": []string{"PATH=/usr/bin:/bin"}},
	}
	manifest := []map[string]any{{"Config": "config.json", "RepoTags": []string{i.name}, "Layers": []string{"layer.tar"}}}
	archive := filepath.Join(directory, "image.tar")
	_, err = writeTar(archive, func(w *tar.Writer) error {
		for name, content := range map[string]any{"config.json": config, "manifest.json": manifest} {
			raw, err := json.Marshal(content)
			if err != nil {
				return err
			}
			if err := addText(w, name, string(raw), 0o644); err != nil {
				return err
			}
		}
		return addFile(w, "layer.tar", layer)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", i.name, err)
	}
	return importArchive(ctx, archive)
}

func importArchive(ctx context.Context, archive string, more ...string) error {
	out, err := exec.CommandContext(ctx, "ctr", append(append([]string{"-n", "k8s.io", "images", "import"}, more...), archive)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ctr images import %s: %w: %s", archive, err, out)
	}
	return errors.Join(os.Remove(archive), os.RemoveAll(filepath.Join(filepath.Dir(archive), "layer.tar")))
}

func (i image) pack(w *tar.Writer) error {
	for _, name := range i.directories {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: strings.TrimPrefix(name, "/") + "/", Mode: 0o1777}); err != nil {
			return err
		}
	}
	for name, text := range i.texts {
		if err := addText(w, strings.TrimPrefix(name, "/"), text, 0o755); err != nil {
			return err
		}
	}
	for name, source := range i.files {
		if err := addTree(w, strings.TrimPrefix(name, "/"), source); err != nil {
			return err
		}
	}
	return nil
}

// addTree adds a file, or a directory with all that is in it; links are followed.
func addTree(w *tar.Writer, name, source string) error {
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return addFile(w, name, source)
	}
	entries, err := os.ReadDir(source)
	if err != nil {
		return err
	}
	for _, e := range entries {
		// Bitcode is for just-in-time compilation, which is not in the image; time zones of leap seconds are a second set of all.
		if slug := e.Name(); slug == "bitcode" || slug == "right" || slug == "posix" {
			continue
		}
		if err := addTree(w, filepath.Join(name, e.Name()), filepath.Join(source, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func addFile(w *tar.Writer, name, source string) error {
	f, err := os.Open(source)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: info.Size(), Mode: int64(info.Mode().Perm())}); err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}

func addText(w *tar.Writer, name, text string, mode int64) error {
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(text)), Mode: mode}); err != nil {
		return err
	}
	_, err := io.WriteString(w, text)
	return err
}

// writeTar writes an archive and gives its SHA-256 in hexadecimal.
func writeTar(path string, fill func(*tar.Writer) error) (string, error) {
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	w := tar.NewWriter(io.MultiWriter(f, sum))
	if err := errors.Join(fill(w), w.Close(), f.Close()); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// postgresPrograms is the directory of the newest PostgreSQL on this machine.
func postgresPrograms() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errors.Join(errors.New("no PostgreSQL is installed below /usr/lib/postgresql: scripts/install-packages postgresql"), err)
	}
	return filepath.Dir(found[len(found)-1]), nil
}

// postgresImage has the PostgreSQL that is installed on this machine, under the name that the chart gives the bundled one. It is started
// by a script that reads the same variables as the real image's, as far as the chart sets them.
func postgresImage(ctx context.Context, name string) (image, error) {
	installed, err := postgresPrograms()
	if err != nil {
		return image{}, err
	}
	home := filepath.Dir(installed)
	version := filepath.Base(home)
	i := image{
		name: name, user: "70:70", stop: "SIGINT", entrypoint: []string{"/usr/bin/start"}, directories: []string{"/tmp", "/var/run/postgresql"},
		texts: map[string]string{
			"/etc/passwd": "root:x:0:0::/:/bin/sh\npostgres:x:70:70::/var/lib/postgresql:/bin/sh\n", "/etc/group": "root:x:0:\npostgres:x:70:\n",
			"/usr/bin/start": startScript,
		},
		files: map[string]string{home + "/lib": home + "/lib", "/usr/share/postgresql/" + version: "/usr/share/postgresql/" + version, "/usr/share/zoneinfo": "/usr/share/zoneinfo"},
	}
	programs := []string{"/bin/bash", "/bin/cat", "/bin/chmod", "/bin/mkdir", "/usr/bin/id"}
	for _, p := range programs {
		i.files["/bin/"+filepath.Base(p)] = p
	}
	i.files["/bin/sh"] = "/bin/bash" // initdb calls it
	for _, p := range []string{"postgres", "initdb", "pg_isready", "psql"} {
		i.files[home+"/bin/"+p] = home + "/bin/" + p
		i.texts["/usr/bin/"+p] = fmt.Sprintf("#!/bin/bash\nexec %s/bin/%s \"$@\"\n", home, p)
		programs = append(programs, home+"/bin/"+p)
	}
	for _, p := range programs {
		out, err := exec.CommandContext(ctx, "ldd", p).Output()
		if err != nil {
			return image{}, fmt.Errorf("ldd %s: %w", p, err)
		}
		for _, library := range regexp.MustCompile(`/\S+\.so\S*`).FindAllString(string(out), -1) {
			i.files[library] = library
		}
	}
	return i, nil
}

const startScript = `#!/bin/bash
set -e
mkdir -p "$PGDATA"
chmod 700 "$PGDATA"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  initdb -D "$PGDATA" --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" $POSTGRES_INITDB_ARGS
  echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
fi
exec "$@"
`
