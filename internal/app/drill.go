package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-iam/gatehouse/internal/backup"
	"github.com/gatehouse-iam/gatehouse/internal/config"
	"github.com/gatehouse-iam/gatehouse/internal/dataset"
	"github.com/gatehouse-iam/gatehouse/internal/drill"
	"github.com/gatehouse-iam/gatehouse/internal/secret"
)

// DrillOptions say how a drill is done.
type DrillOptions struct {
	// Scratch is the directory in which the scratch databases are made; "" is the system's for temporary files.
	Scratch string
	// Server is a login of a database server that has the scratch database instead; "" is none.
	Server config.DSN
	// Tenants is how many are tried, the default one first.
	Tenants int
	// Record tells the servers of the drill, by the backup's destinations.
	Record bool
	// Version is this program's.
	Version string
	// Progress is told how far it is: the phase, and how many of about how many rows were looked at in it.
	Progress func(phase string, rows, of int64)
	// Done is told each step; Note what does not keep the drill from being good.
	Done func(DrillStep)
	Note func(what string)
}

// DrillStep is one thing that a drill did.
type DrillStep = drill.Step

// Drilled is how a drill went.
type Drilled struct {
	// Backup is the one that was tried, CreatedAt when that was begun, and Destination where it was read.
	Backup      string      `json:"backup"`
	Kind        backup.Kind `json:"kind"`
	CreatedAt   time.Time   `json:"created_at"`
	Destination string      `json:"destination"`
	Rows        int64       `json:"rows"`
	// Files is how many backups it took, Bytes how large they are, and Content how large the rows are.
	Files   int   `json:"files"`
	Bytes   int64 `json:"bytes"`
	Content int64 `json:"content_bytes"`
	// Scratch is the kind of databases that it was restored into.
	Scratch string `json:"scratch"`
	// OK tells that no step failed.
	OK    bool        `json:"ok"`
	Steps []DrillStep `json:"steps"`
	// Restored is how long it took until what was restored served; 0 where it never did. Unit: milliseconds.
	Restored int64 `json:"restored_millis"`
	// Tenants is how many there are, of which all that are served were tried, or as many as were asked for.
	Tenants int `json:"tenants"`
	// Recorded are the destinations by which servers learn of the drill.
	Recorded []string `json:"recorded,omitempty"`
}

// The steps that concern all tenants.
const (
	stepMake    = "make scratch databases"
	stepFind    = "find the backup"
	stepVerify  = "read and verify"
	stepLoad    = "load"
	stepCompare = "compare and migrate"
	stepStart   = "start"
)

// drilling is one drill.
type drilling struct {
	cfg    *config.Config
	o      DrillOptions
	system *secret.Ring
	b      *backup.Backups

	done  Drilled
	step  string
	began time.Time // the step
	first time.Time // the first of them
}

// DrillBackup restores a backup into scratch databases, tries there whether applications get tokens and people sign in, and removes
// them. Nothing of it reaches beyond: no mail, no web hook, no database but the scratch. identity is the content of a file of
// private keys. The error says what failed; beside it is how far it came, nil where no backup was found.
func DrillBackup(ctx context.Context, cfg *config.Config, w BackupWanted, identity []byte, o DrillOptions) (*Drilled, error) {
	ids, err := backup.ParseIdentities(identity)
	if err != nil {
		return nil, err
	}
	b, system, err := backupsOf(ctx, cfg, o.Version)
	if err != nil {
		return nil, err
	}
	d := &drilling{cfg: cfg, o: o, system: system, b: b}
	err = d.run(atConsole(ctx, "gatehouse backup"), backup.Wanted(w), ids)
	if d.done.Backup == "" {
		return nil, err
	}
	if ctx.Err() != nil {
		return &d.done, fmt.Errorf("the drill was ended in %q: %w", d.step, ctx.Err())
	}
	d.done.OK = err == nil
	return &d.done, errors.Join(err, d.record(ctx))
}

// run makes the scratch databases, works in them and removes them.
func (d *drilling) run(ctx context.Context, w backup.Wanted, ids backup.Identities) (err error) {
	d.first = now()
	d.begin(stepMake)
	at, removed, err := makeScratch(ctx, d.o, d.cfg.Production())
	for _, name := range removed {
		d.o.Note("removed what a drill that was killed had left: " + name)
	}
	if err != nil {
		return err
	}
	defer func() {
		if e := at.drop(ctx); e != nil {
			err = errors.Join(err, e)
		}
	}()
	d.done.Scratch = at.kind
	if err := d.restore(ctx, at, w, ids); err != nil {
		return err
	}
	return d.try(ctx, at)
}

// begin ends the step before, which went well, and begins one.
func (d *drilling) begin(name string) {
	d.end(nil)
	d.step, d.began = name, now()
}

// end tells how the step went.
func (d *drilling) end(err error) {
	if d.step == "" {
		return
	}
	s := DrillStep{Name: d.step, Outcome: drill.OK, Millis: now().Sub(d.began).Milliseconds()}
	if err != nil {
		s.Outcome, s.Detail = drill.Failed, err.Error()
	}
	if d.step = ""; err != nil {
		d.step = s.Name
	}
	d.tell(s)
}

func (d *drilling) tell(s DrillStep) {
	d.done.Steps = append(d.done.Steps, s)
	d.o.Done(s)
}

// phaseStep gives the step to which a phase of a restore belongs.
func phaseStep(phase string) string {
	switch phase {
	case "verifying":
		return stepVerify
	case string(dataset.Loading):
		return stepLoad
	}
	return stepCompare
}

// restore does what `gatehouse backup restore` does.
func (d *drilling) restore(ctx context.Context, at *scratch, w backup.Wanted, ids backup.Identities) error {
	d.begin(stepFind)
	to := drillConfig(d.cfg, at, "")
	progress := func(phase string, rows, of int64) {
		if step := phaseStep(phase); step != d.step {
			d.begin(step)
		}
		d.o.Progress(phase, rows, of)
	}
	err := withDatabases(ctx, to, func(dbs *databases) error {
		o := restoring(dbs, d.system, w, RestoreOptions{Progress: progress})
		o.Found = func(m backup.Manifest, destination string) {
			d.done.Backup, d.done.Kind, d.done.CreatedAt, d.done.Destination, d.done.Rows = m.ID, m.Kind, m.CreatedAt, destination, m.Rows
			d.begin(stepVerify)
		}
		load := o.Load
		o.Load = func(ctx context.Context, v *backup.Verified, src dataset.Source) ([]dataset.Summary, error) {
			d.done.Files, d.done.Bytes, d.done.Content = v.Files, v.Bytes, v.Content
			d.begin(stepLoad)
			if err := at.room(v.Content); err != nil {
				return nil, err
			}
			sums, err := load(ctx, v, src)
			if part, ok := errors.AsType[*dataset.PartError](err); ok {
				err = at.full(part.Cause) // nobody goes on with what is thrown away
			}
			return sums, err
		}
		_, err := d.b.Restore(ctx, o, ids)
		return err
	})
	d.end(err)
	return err
}

// record tells the servers, by the destinations.
func (d *drilling) record(ctx context.Context) error {
	if !d.o.Record {
		return nil
	}
	said := backup.Drill{Backup: d.done.Backup, BackupAt: d.done.CreatedAt, Destination: d.done.Destination, Millis: d.done.Restored}
	for _, s := range d.done.Steps {
		if s.Outcome == drill.Failed {
			said.Fault = s.Name
		}
	}
	if !d.done.OK && said.Fault == "" {
		said.Fault = "remove scratch databases"
	}
	var err error
	d.done.Recorded, err = d.b.Record(ctx, said)
	if err != nil && len(d.done.Recorded) > 0 {
		d.o.Note("not every destination was told of the drill: " + err.Error())
		return nil
	}
	if err != nil {
		return fmt.Errorf("no server learns of this drill, because no destination takes its record (--record=false leaves that out): %w", err)
	}
	return nil
}
