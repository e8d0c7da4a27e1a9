package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"slices"
	"strings"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"github.com/gatehouse-iam/gatehouse/internal/dataset"
)

// Identities are private keys of age.
type Identities []age.Identity

// ParseIdentities reads a file as `age-keygen` writes it. No message repeats anything of it.
func ParseIdentities(file []byte) (Identities, error) {
	if strings.HasPrefix(string(file), "age-encryption.org/") || strings.HasPrefix(string(file), "-----BEGIN AGE ENCRYPTED FILE") {
		return nil, errors.New("the file of private keys is encrypted itself: decrypt it first, with `age -d`")
	}
	all, err := age.ParseIdentities(strings.NewReader(string(file)))
	if err != nil {
		return nil, errors.New("this is no file of private keys as `age-keygen` writes it: a line for each, which begins with AGE-SECRET-KEY-")
	}
	return all, nil
}

var (
	// ErrIdentity says that a private key is another backup's.
	ErrIdentity = errors.New("none of the private keys opens this backup")
	// ErrDamaged says that a backup's files are not those that were written.
	ErrDamaged = errors.New("the backup is damaged: read it from another destination with --destination, or take another one")
)

// opened is a backup that is read, with all that it builds on.
type opened struct {
	*dataset.Reader

	files []*file // of the backup first
}

// file is one encrypted file that is read.
type file struct {
	m    Manifest
	raw  io.ReadCloser
	sum  hash.Hash
	size int64
	zstd *zstd.Decoder
}

// Read implements io.Reader.
func (f *file) Read(p []byte) (int, error) {
	if f.size > f.m.Data.Size { // what is too long need not be read to an end that may never come
		return 0, ErrDamaged
	}
	n, err := f.raw.Read(p)
	f.sum.Write(p[:n])
	f.size += int64(n)
	return n, err
}

// open begins to read a backup with all that it builds on.
func (b *Backups) open(ctx context.Context, all []Manifest, from Destination, ids Identities) (*opened, error) {
	o := &opened{}
	var later *dataset.Reader
	for i, m := range all {
		in, err := o.one(ctx, m, from, ids)
		if err != nil {
			o.close()
			return nil, fmt.Errorf("backup %s in destination %s: %w", m.ID, from.Name(), err)
		}
		if i == 0 {
			o.Reader = in
		} else {
			later.Earlier = in
		}
		later = in
	}
	return o, nil
}

// one opens one file and makes sure that it is the one of its manifest.
func (o *opened) one(ctx context.Context, m Manifest, from Destination, ids Identities) (*dataset.Reader, error) {
	raw, err := from.Open(ctx, prefix+m.ID+dataSuffix)
	if err != nil {
		return nil, err
	}
	f := &file{m: m, raw: raw, sum: sha256.New()}
	o.files = append(o.files, f)
	plain, err := age.Decrypt(f, ids...)
	if _, foreign := errors.AsType[*age.NoIdentityMatchError](err); foreign {
		return nil, fmt.Errorf("%w: it was made for %s", ErrIdentity, strings.Join(m.Recipients, ", "))
	} else if err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrDamaged, err)
	}
	f.zstd, err = zstd.NewReader(plain, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(window))
	if err != nil {
		return nil, err
	}
	in, err := dataset.NewReader(f.zstd)
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrDamaged, err)
	}
	var said note
	if json.Unmarshal(in.Head().Note, &said) != nil || said != (note{ID: m.ID, Parent: m.Parent}) {
		return nil, fmt.Errorf("%w (it is another backup's file)", ErrDamaged)
	}
	return in, nil
}

// Each implements dataset.Source. When it returns nil, what it gave is what the manifests are of: whoever keeps the files may have
// given others before, and he can encrypt for the recipients, too.
func (o *opened) Each(ctx context.Context, fn func(ctx context.Context, t dataset.Table, rows iter.Seq2[dataset.Row, error]) error) error {
	err := o.Reader.Each(ctx, fn)
	if err == nil {
		err = o.whole()
	}
	return err
}

// close ends reading.
func (o *opened) close() {
	for _, f := range o.files {
		if f.zstd != nil {
			f.zstd.Close()
		}
		_ = f.raw.Close() // it was only read
	}
}

// whole reads the rest of all files and holds them against their manifests.
func (o *opened) whole() error {
	for _, f := range o.files {
		if _, err := io.Copy(io.Discard, f); err != nil {
			return err
		}
		if f.size != f.m.Data.Size || hex.EncodeToString(f.sum.Sum(nil)) != f.m.Data.SHA256 {
			return fmt.Errorf("backup %s: %w", f.m.ID, ErrDamaged)
		}
	}
	return nil
}

// Verified is a backup that was read as a whole.
type Verified struct {
	Manifest
	// From is the destination that it was read from.
	From string `json:"destination"`
	// Files is how many backups it took, and Bytes how large they are.
	Files int   `json:"files"`
	Bytes int64 `json:"bytes"`
	// Content is how large the rows are, as they are once decrypted and decompressed. Unit: bytes.
	Content int64 `json:"content_bytes"`
}

// Verify reads all of a backup and of what it builds on, and holds every row against the digests. It needs no database.
func (b *Backups) Verify(ctx context.Context, w Wanted, ids Identities, progress func(rows, of int64)) (*Verified, error) {
	all, from, err := b.find(ctx, w)
	if err != nil {
		return nil, err
	}
	return b.verify(ctx, all, from, ids, progress)
}

func (b *Backups) verify(ctx context.Context, all []Manifest, from Destination, ids Identities, progress func(rows, of int64)) (*Verified, error) {
	in, err := b.open(ctx, all, from, ids)
	if err != nil {
		return nil, err
	}
	defer in.close()
	tap := &tapped{Source: in, decisions: true}
	var content counter
	sums, err := dataset.Write(ctx, &content, tap, dataset.WriteOptions{Progress: counting(all[0].Rows, progress)})
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("destination %s: %w (%w)", from.Name(), ErrDamaged, err)
	}
	if !slices.Equal(sums, all[0].Tables) || !slices.Equal(tap.keys, all[0].SealKeys) {
		return nil, fmt.Errorf("backup %s in destination %s: %w (its rows are not those of its manifest)", all[0].ID, from.Name(), ErrDamaged)
	}
	done := &Verified{Manifest: all[0], From: from.Name(), Files: len(all), Content: int64(content)}
	for _, m := range all {
		done.Bytes += m.Data.Size
	}
	return done, nil
}

// counter counts what is written to it.
type counter int64

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// RestoreOptions say how a backup is restored.
type RestoreOptions struct {
	Wanted

	// Found is told which backup it is, and where it is read; nil is nobody.
	Found func(m Manifest, destination string)
	// Fits refuses a backup whose data the target's servers could not open. It is asked before anything is written.
	Fits func(keys []SealKey) error
	// Load fills the target with the source that a backup is.
	Load func(ctx context.Context, v *Verified, src dataset.Source) ([]dataset.Summary, error)
	// Checked is told how far the reading of everything is that comes before; nil is nobody.
	Checked func(rows, of int64)
}

// Restore gives databases the content of a backup. All of it is read and held against its digests first, so a backup that cannot
// be read changes nothing.
func (b *Backups) Restore(ctx context.Context, o RestoreOptions, ids Identities) (*Verified, error) {
	all, from, err := b.find(ctx, o.Wanted)
	if err != nil {
		return nil, err
	}
	if o.Found != nil {
		o.Found(all[0], from.Name())
	}
	if err := o.Fits(all[0].SealKeys); err != nil {
		return nil, err
	}
	done, err := b.verify(ctx, all, from, ids, o.Checked)
	if err != nil {
		return nil, err
	}
	in, err := b.open(ctx, all, from, ids)
	if err != nil {
		return nil, err
	}
	defer in.close()
	sums, err := o.Load(ctx, done, in)
	if err == nil && !slices.Equal(sums, all[0].Tables) {
		err = ErrDamaged
	}
	return done, err
}
