// Package internal_test holds the import rules of docs/ARCHITECTURE.md as a test: which package may import which, what only
// certain files may do, and which names are not used. Each rule says why; a violation prints the reason with it.
//
// A new package needs a row in floors. A rule that stands in the way of something good is changed here and in the document,
// in the same commit.
package internal_test

import (
	"slices"
	"testing"
)

// floor is one row of the import table. Packages are named by their path below internal/, commands by cmd/…; a `*` stands for
// one element of a path. A package is subject to the first row that names it, and may import, of this module, what the row
// lists and nothing else.
type floor struct {
	packages []string
	may      []string
	why      string
}

// ground is what every service and feature may stand on. testkit belongs to tests and has a rule of its own.
var ground = []string{"fault", "precondition", "apiclient", "tenant", "actor", "wait", "spell", "sprig", "yamldoc", "patch", "secret", "transit", "trust", "telemetry", "web", "page", "fetch", "sqldb", "migrations", "cache", "oauth", "ui"}

// services may be used by each feature.
var services = []string{
	"identity", "session", "oauth/client", "keys", "courier", "hook", "activity", "flow", "limit", "admin", "seal", "dataset", "backup", "harden", "provision", "tenancy", "schema", "trial", "drill", "chart",
}

// features do what the server is there for.
var features = []string{
	"selfservice", "method/*", "oauth/*", "access", "access/*", "access/rulebook/*", "kubesecret", "account",
}

// below joins lists of what a row may import.
func below(lists ...[]string) []string {
	var all []string
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

var floors = []floor{
	// The top and the meeting place.
	{[]string{"cmd/gatehouse-controller"}, []string{"apiclient", "kube", "kube/*", "kubesecret", "secret", "trial", "trust", "telemetry"},
		"the controller is a client of the server: it is linked with nothing of it but the compiler of rules, nor the server with a Kubernetes client"},
	{[]string{"cmd/*"}, []string{"app", "config", "apiclient", "secret", "trust"},
		"a command reads its flags and hands over to app, or asks a server; whatever it would build itself could not be tested"},
	{[]string{"app"}, below(ground, services, features, []string{"config"}),
		"app is the only place where parts meet, so it sees them all"},
	{[]string{"config"}, below(ground, services, features),
		"config gathers the Config type of every feature and knows nothing else about it"},
	{[]string{"bench"}, []string{"app", "config"},
		"the benchmark is a client of the server: what it measures goes over HTTP"},
	{[]string{"api/gateway/v1alpha1"}, []string{"api/gateway/v1beta1"},
		"an older version of a resource is the newer one under another name"},
	{[]string{"api/*/*"}, nil,
		"Kubernetes resources are words that others may import without bringing the server along"},
	{[]string{"test/*"}, []string{"test/*"},
		"black-box suites see what a user sees: a process, its files and its HTTP"},

	// Ground, lowest first.
	{[]string{"fault", "tenant", "actor"}, nil,
		"everything speaks errors, tenants and who acts, so these can stand on nothing"},
	{[]string{"precondition"}, nil,
		"what a request demands of a thing hangs on the thing's tag alone"},
	{[]string{"wait"}, nil,
		"everything waits, so what bounds a wait can stand on nothing"},
	{[]string{"yamldoc"}, nil,
		"what a text costs to read hangs on the text alone"},
	{[]string{"spell", "sprig"}, nil,
		"what people may write, and what they most likely meant, is computed from text alone"},
	{[]string{"patch"}, []string{"fault"},
		"what a patch makes of a document is computed from the two"},
	{[]string{"secret"}, []string{"fault"},
		"keys, tokens and password hashes are computed, not stored or served here"},
	{[]string{"trust"}, nil,
		"whom connections trust is read in the same way for each of them, so it can stand on nothing"},
	{[]string{"transit"}, []string{"secret", "trust"},
		"the words of one HTTP API, for the secrets that are wrapped there"},
	{[]string{"apiclient"}, []string{"secret"},
		"who asks a server from outside needs nothing of what is inside"},
	{[]string{"telemetry"}, []string{"fault", "tenant", "secret"},
		"logs, metrics and traces must be usable by every other package"},
	{[]string{"web"}, []string{"fault", "tenant", "actor", "wait", "secret", "telemetry"},
		"the HTTP ground knows requests and answers, not what they mean"},
	{[]string{"page"}, []string{"fault", "spell", "web"},
		"pages are shown by features and know none of them"},
	{[]string{"fetch"}, []string{"fault", "wait", "secret", "telemetry"},
		"outgoing requests are guarded in one place that knows no feature, and carry the credentials that are configured for them"},
	{[]string{"sqldb"}, []string{"fault", "tenant", "wait", "spell", "trust", "telemetry"},
		"SQL, dialects, tenancy and the change feed; the tables belong to the features"},
	{[]string{"migrations"}, []string{"fault", "sqldb"},
		"schemas are text; the packages that own the tables are not needed to run it"},
	{[]string{"cache"}, []string{"fault", "tenant", "wait", "trust", "telemetry", "secret", "sqldb"},
		"a cache follows the change feed of sqldb and holds values it does not understand, sealed where others could read them"},
	{[]string{"oauth"}, []string{"fault", "secret"},
		"the words of OAuth are values and rules without a store and without HTTP"},
	{[]string{"ui"}, []string{"fault", "tenant"},
		"the words of self-service (nodes, messages, documents) are values that every part of the people wing speaks"},
	{[]string{"testkit"}, below(ground, []string{"test/pki"}),
		"tests of features import testkit; were it to import a feature, that feature could not be tested with it"},

	// Services.
	{[]string{"session"}, below(ground, []string{"identity", "activity"}),
		"a session belongs to an identity; an identity does not know who is signed in"},
	{[]string{"schema"}, below(ground, []string{"identity", "activity"}),
		"schemas are kept for tenants here; what they mean is known where identities are"},
	{[]string{"activity"}, below(ground),
		"whoever changes something writes it into the activity log in the same transaction: services stand on it, and it on none"},
	{[]string{"backup"}, below(ground, []string{"activity", "dataset"}),
		"a backup is a dataset that is put away: what the rows are and how databases are filled is known there"},
	{[]string{"chart"}, []string{"secret", "yamldoc"},
		"what values of other charts are called here is a matter of names, and which of them hold a key"},
	{[]string{"identity", "oauth/client", "keys", "courier", "hook", "flow", "limit", "admin", "seal", "dataset", "harden", "provision", "tenancy"}, below(ground, []string{"activity"}),
		"a service stands on the ground alone, so that every feature can use it without bringing another feature along"},

	// Features. The three wings (people, clients, doors) do not import one another: where one needs another it declares a
	// small interface of its own, and app ties them.
	{[]string{"selfservice"}, below(ground, services),
		"a contract never imports its kinds: methods import selfservice, not the reverse"},
	{[]string{"method/*"}, below(ground, services, []string{"selfservice"}),
		"a sign-in method fills in the self-service flow; methods do not know each other"},
	{[]string{"oauth/token"}, below(ground, services),
		"token declares what a grant is; the grants and the endpoints that need tokens import it"},
	{[]string{"oauth/authorize", "oauth/inspect"}, below(ground, services, []string{"oauth/token"}),
		"both deal in tokens, and in nothing that the other owns"},
	{[]string{"oauth/logout"}, below(ground, services, []string{"oauth/token", "oauth/authorize"}),
		"a logout ends the login that authorize keeps"},
	{[]string{"oauth/discovery"}, below(ground, services),
		"discovery describes what app put together and is told so by app"},
	{[]string{"access/target"}, []string{"fault"},
		"how a request is read is a rule without a store and without HTTP, which all that deals in requests shares"},
	{[]string{"access/pattern"}, []string{"access/target"},
		"which requests a pattern is for is a rule without a store and without HTTP; who names paths to authorizers means them alike"},
	{[]string{"access"}, below(ground, services, []string{"access/target"}),
		"a contract never imports its kinds: authn, authz and mutate import access, not the reverse"},
	{[]string{"access/engine"}, below(ground, services, []string{"access", "access/target", "access/pattern"}),
		"what decides gets the handlers from app, as values: it knows their contract alone"},
	{[]string{"access/extauthz"}, below(ground, services, []string{"access", "access/target", "access/engine", "access/door"}),
		"another way in shares what all ways in have in common"},
	{[]string{"access/door"}, below(ground, services, []string{"access", "access/target", "access/engine"}),
		"doors ask the engine"},
	{[]string{"access/rulebook"}, below(ground, services, []string{"access", "access/target", "access/engine", "access/rulebook/source"}),
		"the book reads sources, and loads the engine"},
	{[]string{"access/rulebook/source"}, below(ground, services, []string{"access"}),
		"to read rules, nobody needs to know what becomes of them"},
	{[]string{"access/*"}, below(ground, services, []string{"access", "access/target", "access/pattern"}),
		"the kinds of one stage do not know those of another"},
	{[]string{"kubesecret"}, []string{"trust"},
		"what the chart's Jobs do goes over the APIs of the cluster and of the server, as anybody's program would"},
	{[]string{"trial"}, []string{"apiclient"},
		"a server is tried by its APIs, as by anybody's program"},
	{[]string{"drill"}, []string{"apiclient", "secret", "trial"},
		"a server is tried by its APIs, as by anybody's program"},
	{[]string{"kube"}, []string{"api/*/*", "apiclient", "secret", "spell", "trust"},
		"the controller reaches the server by its admin API alone, from another process"},
	{[]string{"kube/*"}, below([]string{"api/*/*", "kube", "kube/ruleset", "access", "access/engine", "apiclient", "secret", "spell", "tenant"}),
		"rules are judged by the server's own compiler before they are sent to it; nothing else of the server is linked"},
	{[]string{"account"}, below(ground, services),
		"a face shows what the other features do and reaches them over their APIs"},
}

// library says which packages' code may import a library outside this module. Tests are free.
type library struct {
	prefix   string
	packages []string
	why      string
}

var libraries = []library{
	{"database/sql", []string{"sqldb", "migrations", "testkit", "bench"}, "SQL goes through sqldb, which binds the tenant; the benchmark measures the databases without it"},
	{"github.com/jackc/pgx", []string{"sqldb", "testkit", "bench"}, "sqldb wraps the drivers"},
	{"github.com/go-sql-driver/mysql", []string{"sqldb", "testkit", "bench"}, "sqldb wraps the drivers"},
	{"modernc.org/sqlite", []string{"sqldb", "bench"}, "sqldb wraps the drivers"},
	{"github.com/pressly/goose", []string{"migrations"}, "migrations wraps the library"},
	{"github.com/maypok86/otter", []string{"cache"}, "cache wraps the library"},
	{"github.com/redis/rueidis", []string{"cache"}, "cache wraps the library, and bounds how long a request waits for it"},
	{"github.com/prometheus", []string{"telemetry", "app", "kube", "kube/*"}, "telemetry wraps the library; app publishes figures of what it built; controllers share a registry of theirs"},
	{"go.opentelemetry.io", []string{"telemetry", "web"}, "telemetry wraps the library; web opens the span of a request"},
	{"github.com/spf13", []string{"cmd/*"}, "the command line is the business of the commands"},
	{"go.yaml.in", []string{"config", "secret", "yamldoc", "cmd/*"},
		"configuration is read in one place, and what strangers write in another, which bounds it; a secret says how it is read, a command prints"},
	{"k8s.io", []string{"api/*/*", "kube", "kube/*", "cmd/gatehouse-controller"}, "the server knows nothing of Kubernetes, and its binary is not the price of a client"},
	{"sigs.k8s.io/controller-runtime", []string{"kube", "kube/*", "cmd/gatehouse-controller"}, "the server knows nothing of Kubernetes, and its binary is not the price of a client"},
	{"filippo.io/age", []string{"backup", "bench"}, "who can open a backup is decided in one place; the benchmark measures what encryption alone takes"},
	{"github.com/klauspost/compress", []string{"backup"}, "what is kept for long is compressed; nothing else is worth its price"},
	{"github.com/dlclark/regexp2", []string{"access/pattern"}, "matching by backtracking takes as long as it likes: only patterns of Oathkeeper's rules need it, with a bound"},
	{"github.com/google/go-jsonnet", []string{"hook"}, "hook bounds what a program may take"},
	{"golang.org/x/crypto/argon2", []string{"secret"}, "slow hashes need a bound on how many run at once, and secret holds it"},
	{"golang.org/x/crypto/bcrypt", []string{"secret"}, "slow hashes need a bound on how many run at once, and secret holds it"},
}

// fileRule says in which files of a package an import may stand: the name of a file tells what it may do. Tests are free.
type fileRule struct {
	imports string   // a package of this module below internal/, or a path of the standard library
	files   []string // patterns for the file's name
	except  []string // packages in which it may stand in every file
	why     string
}

var fileRules = []fileRule{
	{"sqldb", []string{"store*.go"}, []string{"app", "cmd/*", "bench", "cache", "migrations", "testkit", "config"},
		"SQL lives in the store; rules are pure and take what they need as arguments"},
	{"web", []string{"http*.go"}, []string{"app", "config", "page", "testkit"},
		"HTTP lives in http*.go; rules are tested without it"},
	{"net/http", []string{"http*.go"},
		[]string{"app", "cmd/*", "bench", "config", "fetch", "page", "telemetry", "test/*", "testkit", "web"},
		"HTTP lives in http*.go; rules are tested without it"},
}

// clocks are the packages that may read the real time. Everywhere else the clock is an argument, and tests set it.
var clocks = []string{"app", "cmd/*", "bench", "testkit", "test/*"}

// forbiddenElements are names of packages that say nothing about what is in them, so that everything ends up there.
var forbiddenElements = []string{
	"base", "common", "core", "helper", "helpers", "manager", "misc", "model", "models", "pkg", "service", "services", "shared",
	"type", "types", "util", "utils", "x",
}

// forbiddenSuffixes are endings of type names that say nothing about what the type is.
var forbiddenSuffixes = []string{"Factory", "Helper", "Impl", "Manager", "Provider", "Service", "Util"}

func TestArchitecture(t *testing.T) {
	module := readModule(t)
	for _, v := range slices.Concat(module.violations(), module.unfounded()) {
		t.Error(v)
	}
	if len(module.packages) == 0 {
		t.Fatal("no package was read: nothing was checked")
	}
}

// Text that is right on one machine only: somebody's directories, and hosts that serve packages to it.
func TestRepositoryNamesNoMachine(t *testing.T) {
	files := repositoryFiles(t)
	if len(files) == 0 {
		t.Fatal("no file was read: nothing was checked")
	}
	for _, name := range files {
		for _, v := range machineText(name, readText(t, name)) {
			t.Error(v)
		}
	}
}
