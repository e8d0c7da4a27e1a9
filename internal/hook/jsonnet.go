package hook

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/google/go-jsonnet"
	"github.com/google/go-jsonnet/ast"
)

// Limits bound what a program may take.
type Limits struct {
	// Timeout of one run. Default: 1s.
	Timeout time.Duration
	// MaxInput and MaxOutput are in bytes. Default: 1 MiB.
	MaxInput, MaxOutput int
	// MaxStack is how deep calls may nest. Default: 200.
	MaxStack int
	// Concurrent is how many programs run at once; others wait. Default: two for each processor.
	Concurrent int
}

// Jsonnet runs programs in that language. Programs import nothing, and read neither files nor the network. Make it with
// NewJsonnet; it may be used by many at once.
type Jsonnet struct {
	limits Limits
	slots  chan struct{}

	mu       sync.Mutex
	programs map[[sha256.Size]byte]*Program
}

// maxPrograms is how many programs that came as text are kept parsed.
const maxPrograms = 256

var (
	errTooLong   = errors.New("the program took too long and was stopped")
	errBusy      = errors.New("too many programs are running")
	errTooMuch   = errors.New("the program made too large an output")
	errInput     = errors.New("the input of the program is too large")
	errImports   = errors.New("programs must not import anything")
	errCancelled = errors.New("the program asked not to go on")
)

// NewJsonnet returns what runs programs within the limits; what is 0 in them has its default.
func NewJsonnet(l Limits) *Jsonnet {
	if l.Timeout <= 0 {
		l.Timeout = time.Second
	}
	if l.MaxInput <= 0 {
		l.MaxInput = 1 << 20
	}
	if l.MaxOutput <= 0 {
		l.MaxOutput = 1 << 20
	}
	if l.MaxStack <= 0 {
		l.MaxStack = 200
	}
	if l.Concurrent <= 0 {
		l.Concurrent = 2 * runtime.GOMAXPROCS(0)
	}
	return &Jsonnet{limits: l, slots: make(chan struct{}, l.Concurrent), programs: make(map[[sha256.Size]byte]*Program)}
}

// Program is a program that was parsed. It may be run by many at once.
type Program struct {
	runner *Jsonnet
	node   ast.Node
}

// Compile parses a program; name stands for it in errors. It says where the program is wrong.
func (j *Jsonnet) Compile(name, text string) (*Program, error) {
	if len(text) > maxSource {
		return nil, fmt.Errorf("the program has more than %d bytes", maxSource)
	}
	node, err := jsonnet.SnippetToAST(name, text)
	if err != nil {
		return nil, err
	}
	if err := prepare(node); err != nil {
		return nil, err
	}
	return &Program{runner: j, node: node}, nil
}

// Evaluate runs a function of ctx with input, a JSON value, and returns the JSON that it makes.
func (j *Jsonnet) Evaluate(ctx context.Context, snippet string, input []byte) ([]byte, error) {
	p, err := j.program("program", snippet)
	if err != nil {
		return nil, err
	}
	return p.make(ctx, input)
}

// EvaluateWith runs a program that reads external variables, each a JSON value, by std.extVar, and returns the JSON that it
// makes. name stands for the program in errors.
func (j *Jsonnet) EvaluateWith(ctx context.Context, name, text string, external map[string]string) (string, error) {
	p, err := j.program(name, text)
	if err != nil {
		return "", err
	}
	size := 0
	for _, value := range external {
		size += len(value)
	}
	out, err := p.run(ctx, size, func(vm *jsonnet.VM) {
		for variable, value := range external {
			vm.ExtCode(variable, variableJSON(vm, variable, value))
		}
	})
	return string(out), err
}

// program returns a program, parsed once for as long as there is room for it.
func (j *Jsonnet) program(name, text string) (*Program, error) {
	key := sha256.Sum256([]byte(name + "\x00" + text))
	j.mu.Lock()
	p := j.programs[key]
	j.mu.Unlock()
	if p != nil {
		return p, nil
	}
	p, err := j.Compile(name, text)
	if err != nil {
		return nil, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.programs) >= maxPrograms {
		clear(j.programs)
	}
	j.programs[key] = p
	return p, nil
}

// make runs a function of ctx.
func (p *Program) make(ctx context.Context, input []byte) ([]byte, error) {
	return p.run(ctx, len(input), func(vm *jsonnet.VM) { vm.TLACode("ctx", variableJSON(vm, "ctx", string(input))) })
}

// variableJSON hands a JSON value to a program as text and returns the code that parses it: as data, not as a program.
func variableJSON(vm *jsonnet.VM, name, value string) string {
	hidden := "json:" + name
	vm.ExtVar(hidden, value)
	return "std.parseJson(std.extVar(" + strconv.Quote(hidden) + "))"
}

func (p *Program) run(ctx context.Context, size int, set func(*jsonnet.VM)) ([]byte, error) {
	if size > p.runner.limits.MaxInput {
		return nil, errInput
	}
	if err := standard(); err != nil {
		return nil, err
	}
	return p.runner.within(ctx, func(ctx context.Context) ([]byte, error) {
		vm := jsonnet.MakeVM()
		vm.MaxStack = p.runner.limits.MaxStack
		vm.OutputNewline = false
		vm.SetTraceOut(io.Discard)
		vm.Importer(&clock{contents: jsonnet.MakeContents("true"), over: func() bool { return ctx.Err() != nil }})
		set(vm)
		out, err := vm.Evaluate(p.node)
		switch {
		case ctx.Err() != nil:
			return nil, errTooLong
		case err != nil:
			return nil, reason(err)
		case len(out) > p.runner.limits.MaxOutput:
			return nil, errTooMuch
		}
		return []byte(out), nil
	})
}

// within runs f with a deadline, when its turn has come. What does not stop in time is left behind: it keeps its turn, so that
// only so many are ever left behind.
func (j *Jsonnet) within(ctx context.Context, f func(context.Context) ([]byte, error)) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, j.limits.Timeout)
	defer cancel()
	select {
	case j.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, errBusy
	}
	type result struct {
		out []byte
		err error
	}
	ended := make(chan result, 1)
	go func() {
		var r result
		defer func() {
			if recover() != nil {
				r = result{err: errors.New("the program crashed its interpreter")}
			}
			<-j.slots
			ended <- r
		}()
		r.out, r.err = f(ctx)
	}()
	select {
	case r := <-ended:
		return r.out, r.err
	case <-ctx.Done():
		return nil, errTooLong
	}
}

// harmless are messages of the interpreter that hold no value of the input.
var harmless = regexp.MustCompile(`^(?i:(?:Field does not exist: \w{1,64}|Max stack frames exceeded\.?|Unexpected type \w+, expected \w+` +
	`|(?:function has no parameter|Missing argument:) \w{1,64}|function expected \d+ positional argument\(s\), but got \d+` +
	`|Undefined external variable: \w{1,64}|Division by zero\.?|Index \d+ out of bounds, not within \[0, \d+\)` +
	`|couldn't manifest function.*|Tried to manifest function.*))$`)

// reason says why a program failed without what it worked on: a message that the program itself makes may hold anything.
func reason(err error) error {
	failed, ok := errors.AsType[jsonnet.RuntimeError](err)
	if !ok {
		return errors.New("the program crashed its interpreter")
	}
	if failed.Msg == "cancel" {
		return errCancelled
	}
	where := ""
	for _, frame := range failed.StackTrace {
		if frame.Loc.IsSet() {
			where = " in line " + strconv.Itoa(frame.Loc.Begin.Line)
			break
		}
	}
	if harmless.MatchString(failed.Msg) {
		return fmt.Errorf("the program failed%s: %s", where, failed.Msg)
	}
	return fmt.Errorf("the program failed%s (its message is not shown, it may hold personal data)", where)
}
