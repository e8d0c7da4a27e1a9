package config

import (
	"fmt"
	"strings"
)

// Fault is one thing that is wrong with a configuration.
type Fault struct {
	// Path is the key, such as serve.public.address or tenants[0].id; "" where the fault is of a whole file.
	Path string
	// Where is the place it was written: file:line, or the name of an environment variable; "" where nothing was written.
	Where string
	// Message says what is wrong and what to do. It never holds a secret.
	Message string
}

// Error gives path, place and message on one line.
func (f Fault) Error() string {
	switch {
	case f.Path == "" && f.Where == "":
		return f.Message
	case f.Path == "":
		return f.Where + ": " + f.Message
	case f.Where == "":
		return f.Path + ": " + f.Message
	}
	return f.Path + " (" + f.Where + "): " + f.Message
}

// Faults is all that is wrong with a configuration, in an order that does not change from run to run: what could not be
// read, what was written wrong, what does not fit together.
type Faults []Fault

// Error gives one fault per line.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, one := range f {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives the faults one by one to errors.As.
func (f Faults) Unwrap() []error {
	errs := make([]error, len(f))
	for i, one := range f {
		errs[i] = one
	}
	return errs
}

func (f *Faults) add(path string, at origin, format string, a ...any) {
	*f = append(*f, Fault{Path: path, Where: at.String(), Message: fmt.Sprintf(format, a...)})
}

// about tells whether a fault of path, of something in it or of something around it is there already, so that one
// mistake is not told twice.
func (f Faults) about(path string) bool {
	for _, one := range f {
		if one.Path != "" && (within(one.Path, path) || within(path, one.Path)) {
			return true
		}
	}
	return false
}

// within tells whether path is parent or lies in it.
func within(path, parent string) bool {
	rest, found := strings.CutPrefix(path, parent)
	return found && (rest == "" || rest[0] == '.' || rest[0] == '[')
}
