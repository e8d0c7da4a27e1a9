package policy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"github.com/gatehouse-iam/gatehouse/internal/access"
	"github.com/gatehouse-iam/gatehouse/internal/access/target"
)

// Settings are the settings of the authorizer cel.
type Settings struct {
	// Expression is true for requests that may pass.
	Expression string `json:"expression"`
	// CostLimit bounds what evaluating it may cost, in steps. Default: 10,000, the most is 1,000,000. Beyond it the request is
	// turned away.
	CostLimit uint64 `json:"cost_limit"`
}

// Options are what expressions work with.
type Options struct {
	// Now is the clock.
	Now func() time.Time
}

const (
	defaultCost = 10_000
	maxCost     = 1_000_000
	// maxExpression bounds the text of an expression, in bytes.
	maxExpression = 8 << 10
	// interruptEvery is after how many steps of a loop it is asked whether the request is still there.
	interruptEvery = 100
)

// Kinds returns the authorizer by its name.
func Kinds(o Options) (map[string]access.Kind[access.Authorizer], error) {
	env, err := cel.NewEnv(
		cel.CustomTypeAdapter(adapter{types.DefaultTypeAdapter}),
		cel.ParserExpressionSizeLimit(maxExpression),
		cel.Variable("subject", cel.StringType),
		cel.Variable("claims", cel.MapType(cel.StringType, cel.DynType)),
		cel.Variable("scopes", cel.ListType(cel.StringType)),
		cel.Variable("request.method", cel.StringType),
		cel.Variable("request.scheme", cel.StringType),
		cel.Variable("request.host", cel.StringType),
		cel.Variable("request.path", cel.StringType),
		cel.Variable("request.query", cel.MapType(cel.StringType, cel.ListType(cel.StringType))),
		cel.Variable("request.headers", cel.MapType(cel.StringType, cel.StringType)),
		cel.Variable("request.ip", cel.StringType),
		cel.Variable("captures", cel.MapType(cel.StringType, cel.StringType)),
		cel.Variable("now", cel.TimestampType),
	)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	made := func(s access.Settings) (access.Authorizer, error) { return compile(env, o.Now, s) }
	return map[string]access.Kind[access.Authorizer]{"cel": made}, nil
}

// expression decides by a compiled expression.
type expression struct {
	program cel.Program
	now     func() time.Time
	// parameters tells that the expression speaks of parameters of paths (;) itself.
	parameters bool
}

func compile(env *cel.Env, now func() time.Time, from access.Settings) (access.Authorizer, error) {
	s := Settings{CostLimit: defaultCost}
	if err := from.Decode(&s); err != nil {
		return nil, err
	}
	if strings.TrimSpace(s.Expression) == "" {
		return nil, errors.New("expression: is missing")
	}
	if len(s.Expression) > maxExpression {
		return nil, fmt.Errorf("expression: has more than %d bytes", maxExpression)
	}
	if s.CostLimit == 0 || s.CostLimit > maxCost {
		return nil, fmt.Errorf("cost_limit: must be between 1 and %d", maxCost)
	}
	parsed, issues := env.Parse(s.Expression)
	if err := issues.Err(); err != nil {
		return nil, fmt.Errorf("expression: %w", err)
	}
	if tooWide(parsed) {
		return nil, errors.New("expression: has too many maps and lists in each other, or in loops over what other loops make")
	}
	ast, issues := env.Check(parsed)
	if err := issues.Err(); err != nil {
		return nil, fmt.Errorf("expression: %w", err)
	}
	if ast.OutputType() != cel.BoolType {
		return nil, fmt.Errorf("expression: is a %s; it must be true or false", ast.OutputType())
	}
	program, err := env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(s.CostLimit), cel.InterruptCheckFrequency(interruptEvery))
	if err != nil {
		return nil, fmt.Errorf("expression: %w", err)
	}
	return &expression{program: program, now: now, parameters: strings.Contains(s.Expression, ";")}, nil
}

// Authorize evaluates the expression. What cannot be evaluated turns away; so does a path of which an application that drops the
// parameters of segments reads what is not permitted.
func (e *expression) Authorize(ctx context.Context, r *access.Request, p *access.Principal) error {
	v := variables{r: r, p: p, now: e.now, path: r.Target.Path, captures: p.MatchContext.Captures}
	if err := e.evaluate(ctx, &v); err != nil {
		return err
	}
	var found bool
	if v.path, found = target.WithoutParameters(v.path); !found || e.parameters {
		return nil
	}
	v.captures = make(map[string]string, len(v.captures))
	for name, value := range p.MatchContext.Captures {
		v.captures[name], _ = target.WithoutParameters(value)
	}
	if e.evaluate(ctx, &v) != nil {
		return target.ErrParameters
	}
	return nil
}

// evaluate returns nil where the expression is true.
func (e *expression) evaluate(ctx context.Context, v *variables) error {
	result, _, err := e.program.ContextEval(ctx, v)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return access.ErrForbidden.Because(fmt.Errorf("expression: %w", err))
	}
	if result != types.True {
		return access.ErrForbidden.Because(errors.New("the expression is not true"))
	}
	return nil
}

// variables are what one evaluation sees. Those that take work are made when the expression asks for them.
type variables struct {
	r   *access.Request
	p   *access.Principal
	now func() time.Time
	// path and captures are the request's, or what they are without parameters.
	path     string
	captures map[string]string
	// query and headers are what request.query and request.headers are, once they were asked for: a loop may ask for them at each step.
	query   any
	headers map[string]string
}

// ResolveName returns a variable.
func (v *variables) ResolveName(name string) (any, bool) {
	switch name {
	case "subject":
		return v.p.Subject, true
	case "claims":
		if v.p.Extra == nil {
			return map[string]any{}, true
		}
		return v.p.Extra, true
	case "scopes":
		return v.p.Scopes, true
	case "captures":
		return v.captures, true
	case "now":
		return v.now(), true
	}
	return v.request(name)
}

func (v *variables) request(name string) (any, bool) {
	t := &v.r.Target
	switch name {
	case "request.method":
		return v.r.Method, true
	case "request.scheme":
		return t.Scheme, true
	case "request.host":
		return t.Host, true
	case "request.path":
		return v.path, true
	case "request.query":
		if v.query == nil {
			v.query = readQuery(t.RawQuery)
		}
		return v.query, true
	case "request.headers":
		if v.headers == nil {
			v.headers = joined(v.r.Header)
		}
		return v.headers, true
	case "request.ip":
		if !v.r.Client.IsValid() {
			return "", true
		}
		return v.r.Client.String(), true
	}
	return nil, false
}

// readQuery gives the parameters of a query, or an error for who asks for one.
func readQuery(raw string) any {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return types.NewErr("the query cannot be parsed")
	}
	return map[string][]string(values)
}

// joined gives one value for each field, with all of them (RFC 9110 §5.2): were it the first, a client could send two and have the
// application read the other.
func joined(header access.Header) map[string]string {
	fields := make(map[string]string, len(header))
	for name, values := range header {
		if len(values) > 0 {
			fields[strings.ToLower(name)] = strings.Join(values, ", ")
		}
	}
	return fields
}

// Parent returns nothing: there are no other variables.
func (*variables) Parent() interpreter.Activation { return nil }

// adapter reads claims, whose numbers have kept their text: whole ones are int, others double.
type adapter struct{ types.Adapter }

// NativeToValue returns the value that expressions see.
func (a adapter) NativeToValue(value any) ref.Val {
	switch v := value.(type) {
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return types.Int(i)
		}
		f, err := v.Float64()
		if err != nil {
			return types.NewErr("the number %q is out of bounds", v.String())
		}
		return types.Double(f)
	case map[string]any:
		return types.NewStringInterfaceMap(a, v)
	case []any:
		return types.NewDynamicList(a, v)
	}
	return a.Adapter.NativeToValue(value)
}
