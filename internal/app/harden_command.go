package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/gatehouse-iam/gatehouse/internal/config"
	"github.com/gatehouse-iam/gatehouse/internal/harden"
)

// HardenOptions say what `gatehouse harden` looks at and how it tells.
type HardenOptions struct {
	// Files and Environ are a configuration. They are looked at where neither Server nor Manifests is set.
	Files, Environ []string
	// Profile is what the configuration is judged as, whatever it says; "" is what it says.
	Profile string
	// Server asks a running server for its facts, and decodes them into out.
	Server func(ctx context.Context, out any) error
	// Endpoint is the server's address, for the report.
	Endpoint string
	// Manifests are Kubernetes manifests.
	Manifests io.Reader
	// Only are the ids of the checks to run; none means all.
	Only []string
	// FailOn is the least severity that fails.
	FailOn string
	// Format is text, json or sarif.
	Format string
	// Version is this program's.
	Version string
}

// Validate says what cannot be meant.
func (o HardenOptions) Validate() error {
	if _, err := harden.ParseSeverity(o.FailOn); err != nil {
		return fmt.Errorf("--fail-on: %w", err)
	}
	if p := o.Profile; p != "" && p != string(config.Production) && p != string(config.Development) {
		return errors.New("--profile is production or development")
	}
	for _, id := range o.Only {
		if _, err := checkNamed(id); err != nil {
			return fmt.Errorf("--only: %w", err)
		}
	}
	return nil
}

// HardenFormats are the values of HardenOptions.Format.
func HardenFormats() []string { return harden.Formats() }

// ErrFindings says that something was found that is bad enough to fail.
var ErrFindings = errors.New("findings")

// Harden looks, writes a report to out, and gives ErrFindings where it has findings that are bad enough and not accepted. Any other
// error means that it could not look.
func Harden(ctx context.Context, o HardenOptions, out io.Writer) error {
	least, err := harden.ParseSeverity(o.FailOn)
	if err != nil {
		return err
	}
	facts, err := o.facts(ctx)
	if err != nil {
		return err
	}
	report := harden.Judge(now(), o.Only, facts...)
	if err := report.Write(out, o.Format, o.Version); err != nil {
		return err
	}
	if report.Fails(least) {
		return fmt.Errorf("%w: something is %s or worse, and not accepted", ErrFindings, least)
	}
	return nil
}

// facts gathers what is known.
func (o HardenOptions) facts(ctx context.Context) ([]*harden.Facts, error) {
	switch {
	case o.Server != nil:
		f := &harden.Facts{}
		if err := o.Server(ctx, f); err != nil {
			return nil, err
		}
		if f.Server == nil {
			return nil, fmt.Errorf("%s answered without facts: is it a server of this version?", o.Endpoint)
		}
		f.Subject, f.Cluster = o.Endpoint, nil
		return []*harden.Facts{f}, nil
	case o.Manifests != nil:
		return manifestFacts(o.Manifests, o.Profile)
	}
	files, environ := o.Files, o.Environ
	if o.Profile != "" {
		environ = append(environ, "GATEHOUSE_PROFILE="+o.Profile) // the last one wins
	}
	cfg, faults := config.Draft(files, environ)
	for _, f := range faults {
		if f.Path == "" {
			return nil, faults
		}
	}
	subject := strings.Join(files, ", ")
	if subject == "" {
		subject = "the environment"
	}
	return []*harden.Facts{cfg.Facts(now(), subject, faults)}, nil
}

// manifestFacts gathers what manifests say, and the configurations in their ConfigMaps, whose secrets come from elsewhere.
func manifestFacts(in io.Reader, profile string) ([]*harden.Facts, error) {
	cluster, err := harden.ReadManifests(in)
	if err != nil {
		return nil, err
	}
	all := []*harden.Facts{{Subject: "manifests", Read: now(), Cluster: cluster}}
	for _, d := range cluster.Configurations() {
		cfg, faults := config.DraftOf(d.Subject, d.Content, profile)
		faults = slices.DeleteFunc(faults, func(f config.Fault) bool { return f.Path != "" && cluster.Sets(config.Variable(f.Path)) })
		f := cfg.Facts(now(), d.Subject, faults)
		f.ElsewhereSecrets()
		f.Accepted = append(f.Accepted, d.Accepted...)
		all = append(all, f)
	}
	return all, nil
}

func checkNamed(id string) (harden.Check, error) {
	c, known := harden.CheckNamed(id)
	if known {
		return c, nil
	}
	if near := harden.Nearest(id); near != "" {
		return c, fmt.Errorf("there is no check %q; did you mean %s?", id, near)
	}
	return c, fmt.Errorf("there is no check %q; --list shows them", id)
}

// HardenExplain writes what there is to say of a check.
func HardenExplain(out io.Writer, id string) error {
	c, err := checkNamed(id)
	if err != nil {
		return err
	}
	return c.Explain(out)
}

// HardenList writes all checks, a line each.
func HardenList(out io.Writer) error {
	for _, c := range harden.Checks() {
		if _, err := fmt.Fprintf(out, "%-34s %-9s %-14s %s\n", c.ID, c.Severity, c.Source, c.Title); err != nil {
			return err
		}
	}
	return nil
}
