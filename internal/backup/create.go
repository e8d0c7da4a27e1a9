package backup

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"github.com/gatehouse-iam/gatehouse/internal/dataset"
)

// Reading runs fn on one state of all databases.
type Reading func(ctx context.Context, fn func(ctx context.Context, src dataset.Source) error) error

// CreateOptions say how a backup is made.
type CreateOptions struct {
	// Full makes a full one where an incremental would do.
	Full bool
	// Fits is asked whether restore would accept the seal keys that what was read needs; where it says no, there is no backup. nil where
	// what is read belongs to this configuration.
	Fits func(keys []SealKey) error
	// Progress is told how many of about how many rows were read; nil is nobody.
	Progress func(rows, of int64)
}

// Created is a backup that was made.
type Created struct {
	Manifest
	// Destinations have it.
	Destinations []string `json:"destinations"`
	// Why says why it is a full one.
	Why string `json:"why,omitempty"`
}

// Failed are destinations that did not get a backup, by their names.
type Failed struct {
	Unreachable
	// Anywhere tells whether another destination has it.
	Anywhere bool
}

// Error implements error.
func (f *Failed) Error() string {
	if f.Anywhere {
		return "the backup is not everywhere:\n" + f.Unreachable.Error()
	}
	return "there is no backup:\n" + f.Unreachable.Error()
}

// Create makes a backup. Where only some destinations have it, it is returned beside an error, which is *Failed.
func (b *Backups) Create(ctx context.Context, read Reading, o CreateOptions) (*Created, error) {
	recipients, err := b.Config.recipients()
	if err != nil {
		return nil, err
	}
	c := &creating{b: b, o: o, recipients: recipients, failed: Unreachable{}, has: map[dataset.Digest]bool{}}
	if err := c.begin(ctx); err != nil {
		return nil, err
	}
	err = read(ctx, func(ctx context.Context, src dataset.Source) error { return c.write(ctx, src) })
	if err != nil {
		if len(c.to) == 0 {
			return nil, &Failed{Unreachable: c.failed}
		}
		return nil, err
	}
	return c.end(ctx)
}

// creating is one Create.
type creating struct {
	b          *Backups
	o          CreateOptions
	recipients []age.Recipient
	to         []Destination // that take it
	failed     Unreachable

	m      Manifest
	key    []byte // of the chunks' digests
	why    string
	parent *Backup
	has    map[dataset.Digest]bool // what the parent has
	index  []byte
}

// magicIndex begins the index.
const magicIndex = "gatehouse chunks 1\n"

// note is what the encrypted file says of itself, so that it cannot pass for another one.
type note struct {
	ID     string `json:"id"`
	Parent string `json:"parent,omitempty"`
}

// begin sees what is there, and which backup the new one can build on.
func (c *creating) begin(ctx context.Context) error {
	list, err := c.b.List(ctx)
	if lost, ok := errors.AsType[Unreachable](err); ok {
		maps.Copy(c.failed, lost)
	} else if err != nil {
		return err
	}
	for _, d := range c.b.Destinations {
		if c.failed[d.Name()] == nil {
			c.to = append(c.to, d)
		}
	}
	if len(c.to) == 0 {
		return &Failed{Unreachable: c.failed}
	}
	at := c.b.Now()
	c.m = Manifest{
		Format: 1, ID: at.Format(idTime) + "-" + strings.ToLower(rand.Text()[:8]), CreatedAt: at, Version: c.b.Version,
		Recipients: slices.Sorted(slices.Values(c.b.Config.Recipients)),
	}
	ours := slices.IndexFunc(list, Backup.ours)
	if ours >= 0 && c.m.ID <= list[ours].ID && !list[ours].CreatedAt.Before(at) {
		return fmt.Errorf("the newest backup is of %s, which is later than now: set this machine's clock", list[ours].CreatedAt)
	}
	if c.o.Full {
		c.why = "asked for"
	} else {
		c.choose(ctx, list)
	}
	c.m.Kind, c.m.Base = Full, c.m.ID
	if c.parent != nil {
		c.m.Kind, c.m.Parent, c.m.Base, c.m.ChunkKey = Incremental, c.parent.ID, c.parent.Base, c.parent.ChunkKey
		return nil
	}
	c.key = make([]byte, sha256.Size)
	rand.Read(c.key)
	c.m.ChunkKey, err = c.b.Ring.Seal(c.key, binding(c.m.Base))
	return err
}

// maxChain is how many backups one may need: each is read while one is restored.
const maxChain = 32

// choose finds the parent, or says why there is none. What only the data shows, its schema, is left to write.
func (c *creating) choose(ctx context.Context, list []Backup) {
	i := slices.IndexFunc(list, func(one Backup) bool { return one.Fault == "" })
	switch {
	case len(list) == 0:
		c.why = "it is the first one"
		return
	case i < 0: // as when the secret was taken out that signed the last full one
		c.why = "none of those that are there can be built on: " + list[0].Fault
		return
	}
	newest := list[i]
	base := slices.IndexFunc(list, func(one Backup) bool { return one.ID == newest.Base })
	length := 1
	for at := newest; at.Parent != "" && length <= maxChain; length++ {
		at = list[slices.IndexFunc(list, func(one Backup) bool { return one.ID == at.Parent })]
	}
	lacks := slices.IndexFunc(c.to, func(d Destination) bool { return !slices.Contains(newest.Destinations, d.Name()) })
	switch {
	case c.b.Config.FullEvery <= c.m.CreatedAt.Sub(list[base].CreatedAt):
		c.why = "the last full one is old enough"
	case length >= maxChain:
		c.why = "many build on the last full one"
	case !slices.Equal(newest.Recipients, c.m.Recipients):
		c.why = "there are other recipients"
	case lacks >= 0:
		c.why = lacking(c.to[lacks].Name(), list)
	default:
		c.build(ctx, newest)
	}
}

// lacking says of a destination what it lacks. One that has nothing any more may be a directory under which nothing is mounted.
func lacking(name string, list []Backup) string {
	if slices.ContainsFunc(list, func(one Backup) bool { return slices.Contains(one.Destinations, name) }) {
		return "destination " + name + " lacks the one before"
	}
	return "destination " + name + " has none of those that are elsewhere; if its disk is to be mounted, see whether it is"
}

// build takes the parent's chunks over.
func (c *creating) build(ctx context.Context, parent Backup) {
	key, err := c.b.Ring.Open(parent.ChunkKey, binding(parent.Base))
	if err != nil {
		c.why = "the secret that sealed the last series' key is gone"
		return
	}
	for _, d := range parent.whole {
		content, err := readFile(ctx, d, prefix+parent.ID+indexSuffix, parent.Index.Size)
		sum := sha256.Sum256(content)
		rest, ok := strings.CutPrefix(string(content), magicIndex)
		if err != nil || !ok || hex.EncodeToString(sum[:]) != parent.Index.SHA256 {
			c.b.Log.WarnContext(ctx, "the index of a backup cannot be read", "backup", parent.ID, "destination", d.Name(), "error", err)
			continue
		}
		var digest dataset.Digest
		for ; len(rest) >= len(digest); rest = rest[len(digest):] {
			copy(digest[:], rest)
			c.has[digest] = true
		}
		c.parent, c.key = &parent, key
		return
	}
	c.why = "the index of the one before cannot be read"
}

// alone gives up the parent.
func (c *creating) alone(why string) (err error) {
	c.parent, c.why = nil, why
	clear(c.has)
	c.m.Kind, c.m.Parent, c.m.Base = Full, "", c.m.ID
	rand.Read(c.key)
	c.m.ChunkKey, err = c.b.Ring.Seal(c.key, binding(c.m.Base))
	return err
}

// write writes the encrypted file.
func (c *creating) write(ctx context.Context, src dataset.Source) error {
	tap := &tapped{Source: src, decisions: c.b.Config.Decisions}
	c.m.Schema = tap.Schema()
	if c.parent != nil && !maps.Equal(c.parent.Schema, c.m.Schema) {
		if err := c.alone("the schema is another, or other databases are kept"); err != nil {
			return err
		}
	}
	c.index = []byte(magicIndex)
	out := newFan(ctx, prefix+c.m.ID+dataSuffix, c.to)
	sums, err := c.stream(ctx, out, tap)
	if err == nil && c.o.Fits != nil {
		err = c.o.Fits(tap.keys)
	}
	if err != nil {
		maps.Copy(c.failed, out.abort(err))
		if errors.Is(err, errNowhere) {
			c.to = nil
		}
		return err
	}
	c.settle(out.close())
	c.m.Tables, c.m.SealKeys = sums, tap.keys
	for _, s := range sums {
		c.m.Rows += s.Rows
	}
	return nil
}

// settle notes where the encrypted file is.
func (c *creating) settle(file File, kept []Destination, faults map[string]error) {
	c.m.Data, c.to = file, kept
	maps.Copy(c.failed, faults)
}

// stream is dataset, zstd, age.
func (c *creating) stream(ctx context.Context, out io.Writer, src *tapped) ([]dataset.Summary, error) {
	sealed, err := age.Encrypt(out, c.recipients...)
	if err != nil {
		return nil, err
	}
	// No checksum of its own: age proves every byte.
	packed, err := zstd.NewWriter(sealed, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(window), zstd.WithEncoderConcurrency(2), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, err
	}
	about := int64(0)
	if c.parent != nil {
		about = c.parent.Rows
	}
	said, err := json.Marshal(note{ID: c.m.ID, Parent: c.m.Parent})
	if err != nil {
		return nil, err
	}
	ahead := newHandoff(packed)
	sums, err := dataset.Write(ctx, ahead, src, dataset.WriteOptions{
		Key: c.key, Note: said,
		Has: func(d dataset.Digest) bool {
			if c.has[d] {
				return true
			}
			c.m.Fresh++
			return false
		},
		Chunk: func(d dataset.Digest) {
			c.m.Chunks++
			c.index = append(c.index, d[:]...)
		},
		Progress: counting(about, c.o.Progress),
	})
	return sums, errors.Join(err, ahead.Close(), packed.Close(), sealed.Close())
}

// window is what the compressor looks back. A reader needs as much memory for each backup that it reads at the same time.
const window = 512 << 10

// counting adds up the rows of tables.
func counting(of int64, tell func(rows, of int64)) func(dataset.Table, int64) {
	if tell == nil {
		return nil
	}
	var at string
	var before, last int64
	return func(t dataset.Table, rows int64) {
		if t.Name != at {
			at, before = t.Name, before+last
		}
		last = rows
		tell(before+rows, of)
	}
}

// end writes what makes it a backup.
func (c *creating) end(ctx context.Context) (*Created, error) {
	c.m.Millis = c.b.Now().Sub(c.m.CreatedAt).Milliseconds()
	var err error
	if c.m.Index, err = c.put(ctx, indexSuffix, c.index); err != nil {
		return nil, err
	}
	content, err := c.m.encode(c.b.Ring)
	if err != nil {
		return nil, err
	}
	if _, err := c.put(ctx, manifestSuffix, content); err != nil {
		return nil, err
	}
	done := &Created{Manifest: c.m, Why: c.why}
	for _, d := range c.to {
		done.Destinations = append(done.Destinations, d.Name())
	}
	if len(c.failed) > 0 {
		return done, &Failed{Unreachable: c.failed, Anywhere: true}
	}
	return done, nil
}

// put writes a small file to all that are left.
func (c *creating) put(ctx context.Context, suffix string, content []byte) (file File, err error) {
	if len(c.to) > 0 {
		out := newFan(ctx, prefix+c.m.ID+suffix, c.to)
		_, err = out.Write(content)
		var faults map[string]error
		file, c.to, faults = out.close()
		maps.Copy(c.failed, faults)
	}
	if len(c.to) == 0 {
		return file, &Failed{Unreachable: c.failed}
	}
	return file, err
}

// tapped is a source whose seal keys are noted while it is read, and which may leave decisions out.
type tapped struct {
	dataset.Source

	decisions bool
	keys      []SealKey
}

const decisions = "flow"

// Schema implements dataset.Source.
func (t *tapped) Schema() map[string]int64 {
	schema := maps.Clone(t.Source.Schema())
	if !t.decisions {
		delete(schema, decisions)
	}
	return schema
}

// Each implements dataset.Source.
func (t *tapped) Each(ctx context.Context, fn func(ctx context.Context, t dataset.Table, rows iter.Seq2[dataset.Row, error]) error) error {
	return t.Source.Each(ctx, func(ctx context.Context, table dataset.Table, rows iter.Seq2[dataset.Row, error]) error {
		switch {
		case table.Database == decisions && !t.decisions:
			return nil
		case table.Name == table.Database+"_seal_key":
			return fn(ctx, table, t.note(table, rows))
		default:
			return fn(ctx, table, rows)
		}
	})
}

// note passes on the rows of the table that package seal keeps, and notes keys that are in use.
func (t *tapped) note(table dataset.Table, rows iter.Seq2[dataset.Row, error]) iter.Seq2[dataset.Row, error] {
	return func(yield func(dataset.Row, error) bool) {
		for row, err := range rows {
			if err == nil {
				key, retired := SealKey{Database: table.Database}, false
				for i, c := range table.Columns {
					switch c.Name {
					case "key_id":
						key.ID = row[i].Text
					case "fingerprint":
						key.Fingerprint = row[i].Text
					case "retired_at":
						retired = !row[i].Null
					}
				}
				if !retired {
					t.keys = append(t.keys, key)
				}
			}
			if !yield(row, err) {
				return
			}
		}
	}
}
