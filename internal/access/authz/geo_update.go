package authz

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/gatehouse-iam/gatehouse/internal/fetch"
)

const (
	// maxArchive and maxDatabase bound what is downloaded, in bytes. The cities' database has 60 MB.
	maxArchive  = 256 << 20
	maxDatabase = 1 << 30
	// downloadTime bounds one download.
	downloadTime = 15 * time.Minute
)

// validator tells a version of a file from another.
type validator struct {
	etag, modified string    // of a download (RFC 9110 §8.8)
	size           int64     // of a staged file
	changed        time.Time // of a staged file
}

// path is where the server keeps its copy.
func (g *Geo) path(edition string) string { return filepath.Join(g.o.Dir, edition+".mmdb") }

// restore opens the copies of before the restart, and clears away what a crash left.
func (g *Geo) restore() {
	for _, edition := range g.o.Config.Editions {
		for _, pattern := range []string{edition + ".mmdb.*", edition + "." + archive + ".*"} {
			left, _ := filepath.Glob(filepath.Join(g.o.Dir, pattern)) // the patterns are well formed
			for _, name := range left {
				_ = os.Remove(name) // it only takes room
			}
		}
		reader, err := open(g.path(edition), edition)
		if err == nil {
			g.adopt(edition, reader, validator{})
			g.restored(edition)
		} else if !errors.Is(err, os.ErrNotExist) {
			g.o.Log.Warn("kept geographical database cannot be used", "edition", edition, "error", err)
		}
	}
}

// restored remembers when the copy was made, so that a server that is restarted often does not download as often.
func (g *Geo) restored(edition string) {
	info, err := os.Stat(g.path(edition))
	if err != nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.databases[edition].Checked = info.ModTime().UTC()
}

// fresh reports whether a download was made so lately that another is not due.
func (g *Geo) fresh(edition string) bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	d := g.databases[edition]
	age := g.o.Now().Sub(d.Checked)
	return d.reader != nil && d.Err == nil && age.Abs() < g.o.Config.RefreshEvery/2
}

// open opens a file and reads all of it once: what is broken must not be found out by a request.
func open(path, edition string) (*maxminddb.Reader, error) {
	reader, err := maxminddb.Open(path)
	if err != nil {
		return nil, err
	}
	if err := reader.Verify(); err != nil {
		return nil, errors.Join(fmt.Errorf("the database is broken: %w", err), reader.Close())
	}
	if got := reader.Metadata.DatabaseType; got != edition {
		return nil, errors.Join(fmt.Errorf("the file is a %q and not a %q", got, edition), reader.Close())
	}
	return reader, nil
}

// staged copies a file of the operator's when it has changed. The copy is mapped into memory, not the file itself: writing over
// that would end the process.
func (g *Geo) staged(edition string) error {
	from := filepath.Join(g.o.Config.Directory, edition+".mmdb")
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	now := validator{size: info.Size(), changed: info.ModTime()}
	if _, have := g.current(edition); have == now {
		return nil
	}
	if !info.Mode().IsRegular() || info.Size() > maxDatabase {
		return fmt.Errorf("%s is no file of at most %d bytes", from, maxDatabase)
	}
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	return g.install(edition, f, now, false)
}

// install writes a database beside the one in use, checks it, and puts it in its place.
func (g *Geo) install(edition string, from io.Reader, v validator, onlyNewer bool) error {
	temporary, err := g.write(edition+".mmdb", func(w io.Writer) error {
		n, err := io.Copy(w, io.LimitReader(from, maxDatabase+1))
		if err == nil && n > maxDatabase {
			err = fmt.Errorf("the database has more than %d bytes", maxDatabase)
		}
		return err
	})
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temporary) }() // gone already when it was put in place
	reader, err := open(temporary, edition)
	if err != nil {
		return err
	}
	if built, _ := g.current(edition); onlyNewer && reader.Metadata.BuildTime().Before(built) {
		return errors.Join(errors.New("the database is older than the one in use"), reader.Close())
	}
	if err := os.Rename(temporary, g.path(edition)); err != nil {
		return errors.Join(err, reader.Close())
	}
	g.adopt(edition, reader, v)
	return nil
}

// write makes a temporary file in the server's directory and returns its name; it is gone where there is an error.
func (g *Geo) write(pattern string, fill func(w io.Writer) error) (name string, err error) {
	if err := os.MkdirAll(g.o.Dir, 0o700); err != nil {
		return "", err
	}
	f, err := os.CreateTemp(g.o.Dir, pattern+".*")
	if err != nil {
		return "", err
	}
	if err = errors.Join(fill(f), f.Sync(), f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// question is the request for a file of an edition. suffix is tar.gz or tar.gz.sha256.
func (g *Geo) question(edition, suffix string) fetch.Question {
	c := g.o.Config
	q := fetch.Question{MaxBytes: maxArchive, Header: map[string][]string{}}
	switch {
	case c.Source == sourceMirror:
		q.URL = strings.TrimSuffix(c.Mirror, "/") + "/" + edition + "." + suffix
	case c.AccountID != "":
		q.URL = g.o.MaxMind + "/geoip/databases/" + edition + "/download?suffix=" + suffix
		q.Header["Authorization"] = []string{"Basic " + base64.StdEncoding.EncodeToString([]byte(c.AccountID+":"+c.LicenseKey.Reveal()))}
	default: // MaxMind's way for a key alone: it stands in the query, which errors do not repeat
		query := url.Values{"edition_id": {edition}, "license_key": {c.LicenseKey.Reveal()}, "suffix": {suffix}}
		q.URL = g.o.MaxMind + "/app/geoip_download?" + query.Encode()
	}
	return q
}

const (
	statusNotModified = 304
	archive           = "tar.gz"
)

// download gets an edition unless it is the one in use.
func (g *Geo) download(ctx context.Context, edition string) error {
	ctx, cancel := context.WithTimeout(ctx, downloadTime)
	defer cancel()
	q := g.question(edition, archive)
	_, have := g.current(edition)
	if have.etag != "" {
		q.Header["If-None-Match"] = []string{have.etag}
	}
	if have.modified != "" {
		q.Header["If-Modified-Since"] = []string{have.modified}
	}
	hash := sha256.New()
	var answer *fetch.Answer
	packed, err := g.write(edition+"."+archive, func(w io.Writer) (err error) {
		answer, err = g.o.Ask.Download(ctx, q, io.MultiWriter(w, hash))
		return err
	})
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(packed) }() // whatever is left of it is of no use
	if answer.Status == statusNotModified {
		return nil
	}
	if answer.Status != statusOK {
		return fmt.Errorf("the download of %s was answered %d", edition, answer.Status)
	}
	if err := g.checkSum(ctx, edition, hash.Sum(nil)); err != nil {
		return err
	}
	v := validator{etag: first(answer.Header["Etag"]), modified: first(answer.Header["Last-Modified"])}
	return g.unpack(edition, packed, v)
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// checkSum compares the archive with the digest that is published beside it.
func (g *Geo) checkSum(ctx context.Context, edition string, sum []byte) error {
	q := g.question(edition, archive+".sha256")
	q.MaxBytes = 4096
	var text bytes.Buffer
	answer, err := g.o.Ask.Download(ctx, q, &text)
	if err != nil {
		return err
	}
	if answer.Status != statusOK {
		return fmt.Errorf("the digest of %s was answered %d", edition, answer.Status)
	}
	told, _, _ := strings.Cut(strings.TrimSpace(text.String()), " ")
	if !strings.EqualFold(told, hex.EncodeToString(sum)) {
		return errors.New("the archive does not have the digest that is published with it")
	}
	return nil
}

// unpack finds the database in an archive.
func (g *Geo) unpack(edition, packed string, v validator) error {
	f, err := os.Open(packed)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("the archive is no gzip file: %w", err)
	}
	for files := tar.NewReader(unzipped); ; {
		header, err := files.Next()
		if err != nil {
			return fmt.Errorf("the archive has no %s.mmdb: %w", edition, err)
		}
		if header.Typeflag == tar.TypeReg && (header.Name == edition+".mmdb" || strings.HasSuffix(header.Name, "/"+edition+".mmdb")) {
			return g.install(edition, files, v, true)
		}
	}
}
