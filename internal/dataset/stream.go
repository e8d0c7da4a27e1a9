package dataset

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"slices"
)

// Source is content on its way: a Snapshot of databases, or a Reader of what Write wrote.
type Source interface {
	// Schema says which migration of each logical database was the newest.
	Schema() map[string]int64
	// Each calls fn for every table, in the order in which they can be filled. What fn leaves of the rows is passed over.
	Each(ctx context.Context, fn func(ctx context.Context, t Table, rows iter.Seq2[Row, error]) error) error
}

// Summary is what a table held.
type Summary struct {
	Database string `json:"database"`
	Table    string `json:"table"`
	// Rows is how many.
	Rows int64 `json:"rows"`
	// Digest is SHA-256 over the table's description and the SHA-256 of each chunk of its rows in their order, in hex. It is the same
	// for equal content in every kind of database.
	Digest string `json:"digest"`
}

const (
	magic = "gatehouse dataset 1\n"
	// maxFrame bounds what a reader takes into memory: one row may be as large as the largest column of any database here.
	maxFrame = 64 << 20

	frameHead  = 'H'
	frameTable = 'T'
	frameData  = 'R'
	frameSame  = 'S'
	frameEnd   = 'E'
	frameLast  = 'Z'
)

// tally counts and digests the rows of one table.
type tally struct {
	cutter
	rows int64
	sum  hash.Hash
	buf  []byte            // rows of the chunk that is not whole yet
	last [sha256.Size]byte // the digest of the last chunk
}

func newTally(t Table) *tally {
	c := &tally{cutter: newCutter(t), sum: sha256.New()}
	c.sum.Write(t.describe())
	return c
}

// add takes a row, and returns the chunk that ends with it, which is good until the next row, or nil.
func (t *tally) add(row Row) []byte {
	t.buf = appendRow(t.buf, t.table.Columns, row)
	t.rows++
	if !t.after(row, len(t.buf)) {
		return nil
	}
	return t.rest()
}

// rest returns the rows that are in no chunk yet as one, or nil where there are none.
func (t *tally) rest() []byte {
	if len(t.buf) == 0 {
		return nil
	}
	chunk := t.buf
	t.chunk(chunk)
	t.buf = t.buf[:0]
	return chunk
}

// chunk digests one.
func (t *tally) chunk(rows []byte) {
	t.last = sha256.Sum256(rows)
	t.sum.Write(t.last[:])
}

// summary is for when all rows were added.
func (t *tally) summary() Summary {
	t.rest()
	return Summary{Database: t.table.Database, Table: t.table.Name, Rows: t.rows, Digest: hex.EncodeToString(t.sum.Sum(nil))}
}

// Summarize reads all of a source and says what it holds.
func Summarize(ctx context.Context, src Source) ([]Summary, error) {
	var all []Summary
	err := src.Each(ctx, func(_ context.Context, t Table, rows iter.Seq2[Row, error]) error {
		count := newTally(t)
		for row, err := range rows {
			if err != nil {
				return err
			}
			count.add(row)
		}
		all = append(all, count.summary())
		return nil
	})
	return all, err
}

// Head is what a stream says before its tables.
type Head struct {
	// Schema is Source.Schema.
	Schema map[string]int64 `json:"schema"`
	// Key is what the digests of chunks are made with; empty where no chunk is named.
	Key []byte `json:"key,omitempty"`
	// Note is the writer's own.
	Note json.RawMessage `json:"note,omitempty"`
}

// WriteOptions say how to write. The zero value writes all rows.
type WriteOptions struct {
	// Progress is called after each chunk with the table and how many of its rows were written; nil is nobody.
	Progress func(t Table, rows int64)
	// Key makes the digests of chunks, so that nobody without it can tell what a digest is of. It is needed for Has and Chunk.
	Key []byte
	// Note is kept in the Head.
	Note json.RawMessage
	// Has tells which chunks an earlier stream holds: these are named, and their rows left out. nil is none.
	Has func(d Digest) bool
	// Chunk is told every chunk, in its order; nil is nobody.
	Chunk func(d Digest)
}

// Write writes all of a source to w and says what it held.
func Write(ctx context.Context, w io.Writer, src Source, o WriteOptions) ([]Summary, error) {
	out := &writing{frames: frames{w: bufio.NewWriterSize(w, 64<<10)}, o: o}
	out.write([]byte(magic))
	head, err := json.Marshal(Head{Schema: src.Schema(), Key: o.Key, Note: o.Note})
	if err != nil {
		return nil, err
	}
	out.frame(frameHead, head)
	last := ending{Head: sha256.Sum256(head)}
	err = src.Each(ctx, func(_ context.Context, t Table, rows iter.Seq2[Row, error]) error {
		sum, err := out.table(t, rows)
		last.Tables = append(last.Tables, sum)
		return err
	})
	if err != nil {
		return nil, err
	}
	out.frameJSON(frameLast, last)
	return last.Tables, errors.Join(out.err, out.w.Flush())
}

// ending is what the last frame says: what was before it.
type ending struct {
	Head   [sha256.Size]byte `json:"head"`
	Tables []Summary         `json:"tables"`
}

// writing is one Write.
type writing struct {
	frames
	o     WriteOptions
	names *naming // of the table that is written
}

// table writes one table.
func (w *writing) table(t Table, rows iter.Seq2[Row, error]) (Summary, error) {
	w.frameJSON(frameTable, t)
	count := newTally(t)
	w.names = newNaming(w.o.Key, t)
	for row, err := range rows {
		if err != nil {
			return Summary{}, err
		}
		if chunk := count.add(row); chunk != nil {
			w.chunk(count, chunk)
		}
		if w.err != nil {
			return Summary{}, w.err
		}
	}
	w.chunk(count, count.rest())
	w.frameJSON(frameEnd, count.summary())
	return count.summary(), w.err
}

// chunk writes rows, or names them where they are there already.
func (w *writing) chunk(count *tally, rows []byte) {
	defer w.progress(count.table, count.rows)
	if rows == nil {
		return
	}
	if len(w.o.Key) == 0 {
		w.frame(frameData, rows)
		return
	}
	d := w.names.digest(count.last)
	if w.o.Chunk != nil {
		w.o.Chunk(d)
	}
	if w.o.Has != nil && w.o.Has(d) {
		w.frame(frameSame, d[:])
		return
	}
	w.frame(frameData, rows)
}

func (w *writing) progress(t Table, rows int64) {
	if w.o.Progress != nil {
		w.o.Progress(t, rows)
	}
}

// frames writes frames until the first error.
type frames struct {
	w   *bufio.Writer
	err error
}

func (f *frames) write(b []byte) {
	if f.err == nil {
		_, f.err = f.w.Write(b)
	}
}

func (f *frames) frame(kind byte, content []byte) {
	f.write(binary.AppendUvarint([]byte{kind}, uint64(len(content))))
	f.write(content)
}

func (f *frames) frameJSON(kind byte, v any) {
	b, err := json.Marshal(v)
	if err != nil && f.err == nil {
		f.err = err
	}
	f.frame(kind, b)
}

// ErrBroken says that a stream is not what Write wrote, or ends too early.
var ErrBroken = errors.New("this is not a whole dataset: it was cut short or changed")

// Reader is the Source that Write's bytes are. It is read once.
type Reader struct {
	// Earlier holds the chunks that this stream only names; nil where it names none. It is read as this one is, and for nothing else.
	Earlier *Reader

	r     *bufio.Reader
	head  Head
	begin [sha256.Size]byte // of the head's bytes
	read  []Summary
	names *naming // of the table whose beginning lookUp passed last; nil before the first
}

// NewReader returns the source that r holds, or ErrBroken.
func NewReader(r io.Reader) (*Reader, error) {
	in := &Reader{r: bufio.NewReaderSize(r, 64<<10)}
	begin := make([]byte, len(magic))
	if _, err := io.ReadFull(in.r, begin); err != nil {
		return nil, broken(err)
	} else if string(begin) != magic {
		return nil, fmt.Errorf("%w: it does not begin as one", ErrBroken)
	}
	kind, content, err := in.next()
	if err != nil {
		return nil, err
	}
	if kind != frameHead || json.Unmarshal(content, &in.head) != nil {
		return nil, fmt.Errorf("%w: its head is missing", ErrBroken)
	}
	in.begin = sha256.Sum256(content)
	return in, nil
}

// Head returns what the stream says before its tables.
func (in *Reader) Head() Head { return in.head }

// Schema implements Source.
func (in *Reader) Schema() map[string]int64 { return in.head.Schema }

// Each implements Source. It fails with ErrBroken where a table's digest is not that of its rows, and where the end is
// missing: only when it returns nil was everything there.
func (in *Reader) Each(ctx context.Context, fn func(ctx context.Context, t Table, rows iter.Seq2[Row, error]) error) error {
	for {
		kind, content, err := in.next()
		if err != nil {
			return err
		}
		switch kind {
		case frameLast:
			return in.ended(content)
		case frameTable:
			var t Table
			if err := json.Unmarshal(content, &t); err != nil || !t.valid() {
				return fmt.Errorf("%w: a table is not described", ErrBroken)
			}
			if err := in.table(ctx, t, fn); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%w: a frame %q where a table begins", ErrBroken, kind)
		}
	}
}

// table hands fn the rows up to the table's end, and reads what fn left.
func (in *Reader) table(ctx context.Context, t Table, fn func(ctx context.Context, t Table, rows iter.Seq2[Row, error]) error) error {
	next, stop := iter.Pull2(in.rows(ctx, t))
	defer stop()
	err := fn(ctx, t, func(yield func(Row, error) bool) {
		for row, err, ok := next(); ok; row, err, ok = next() {
			if !yield(row, err) {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	for _, err, ok := next(); ok; _, err, ok = next() {
		if err != nil {
			return err
		}
	}
	return nil
}

// rows reads the frames of one table, up to the one that ends it.
func (in *Reader) rows(ctx context.Context, t Table) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		count := newTally(t)
		for {
			kind, content, err := in.next()
			switch {
			case err != nil:
			case ctx.Err() != nil:
				err = ctx.Err()
			case kind == frameEnd:
				err = in.closed(content, count.summary())
				if err == nil {
					return
				}
			case kind == frameData || kind == frameSame:
				if kind == frameSame {
					content, err = in.earlier(content)
				}
				on := true
				if err == nil {
					on, err = cutRows(content, count, yield)
				}
				if !on {
					return
				}
			default:
				err = fmt.Errorf("%w: a frame %q among rows", ErrBroken, kind)
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// cutRows yields the rows of one frame, which is a chunk, and tells whether more are wanted.
func cutRows(content []byte, count *tally, yield func(Row, error) bool) (on bool, err error) {
	count.chunk(content)
	columns := count.table.Columns
	for text := string(content); len(content) > 0; {
		row, n, err := cutRow(content, text, columns)
		if err != nil {
			return true, err
		}
		content, text = content[n:], text[n:]
		count.rows++
		if !yield(row, nil) {
			return false, nil
		}
	}
	return true, nil
}

// closed holds what was read of a table against what its end says.
func (in *Reader) closed(content []byte, got Summary) error {
	var want Summary
	if json.Unmarshal(content, &want) != nil || want != got {
		return fmt.Errorf("%w: a table does not have its digest", ErrBroken)
	}
	in.read = append(in.read, got)
	return nil
}

// next reads a frame. Its content is the caller's.
func (in *Reader) next() (byte, []byte, error) {
	kind, err := in.r.ReadByte()
	if err != nil {
		return 0, nil, broken(err)
	}
	n, err := binary.ReadUvarint(in.r)
	if err != nil {
		return 0, nil, broken(err)
	}
	if n > maxFrame {
		return 0, nil, fmt.Errorf("%w: a frame of %d bytes", ErrBroken, n)
	}
	// Read as it comes: a length that lies must not cost memory that was never sent.
	content, err := io.ReadAll(io.LimitReader(in.r, int64(n)))
	if err == nil && len(content) < int(n) {
		err = io.ErrUnexpectedEOF
	}
	return kind, content, broken(err)
}

// broken tells the end of the bytes from their reader's failure.
func broken(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends in the midst", ErrBroken)
	}
	return err
}

// ended makes sure that no table is missing and nothing follows the last frame.
func (in *Reader) ended(content []byte) error {
	var want ending
	if json.Unmarshal(content, &want) != nil || want.Head != in.begin || !slices.Equal(want.Tables, in.read) {
		return fmt.Errorf("%w: its head or tables are not those that were written", ErrBroken)
	}
	if _, err := in.r.ReadByte(); err == nil {
		return fmt.Errorf("%w: something follows its end", ErrBroken)
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}
