package provision

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func texts(steps []step) []string {
	var all []string
	for _, s := range steps {
		for _, one := range s.statements {
			all = append(all, one.text(false))
		}
	}
	return all
}

func one(owner string) wanted {
	return wanted{databases: []database{{name: "d", owner: Login{User: owner, Password: "p"}, uses: []string{"oauth"}}}, verifier: func(string) string { return "v" }}
}

func TestPlanPostgres(t *testing.T) {
	app, dba := postgresRole{canLogin: true}, postgresRole{canLogin: true, member: true}
	joinable := postgresRole{canLogin: true, joinable: true}
	for _, c := range []struct {
		name  string
		w     wanted
		state postgresState
		want  []string
		lacks string
	}{
		{
			name: "an empty server", w: one("app"), state: postgresState{admin: "dba", createRole: true, createDB: true},
			want: []string{
				`CREATE ROLE "app" LOGIN PASSWORD <the password of app, in quotes>`, `GRANT "app" TO CURRENT_USER`,
				`CREATE DATABASE "d" OWNER "app" ENCODING 'UTF8' TEMPLATE template0`, `REVOKE ALL ON DATABASE "d" FROM PUBLIC`, `REVOKE "app" FROM CURRENT_USER`,
			},
		},
		{
			name: "CockroachDB", w: func() wanted { w := one("app"); w.cockroach = true; return w }(),
			state: postgresState{admin: "root", createRole: true, createDB: true, roles: map[string]postgresRole{"app": dba}},
			want:  []string{`CREATE DATABASE "d" OWNER "app"`, `REVOKE ALL ON DATABASE "d" FROM PUBLIC`},
		},
		{
			name: "nothing", w: one("app"), state: postgresState{admin: "dba", roles: map[string]postgresRole{"app": app}, databases: map[string]postgresDatabase{"d": {owner: "app"}}},
		},
		{
			name: "open to all", w: one("app"),
			state: postgresState{admin: "dba", roles: map[string]postgresRole{"app": joinable}, databases: map[string]postgresDatabase{"d": {owner: "app", open: true}}},
			want:  []string{`GRANT "app" TO CURRENT_USER`, `REVOKE ALL ON DATABASE "d" FROM PUBLIC`, `REVOKE "app" FROM CURRENT_USER`},
		},
		{
			name: "may not sign in", w: one("app"),
			state: postgresState{admin: "dba", createRole: true, roles: map[string]postgresRole{"app": {}}, databases: map[string]postgresDatabase{"d": {owner: "app"}}},
			want:  []string{`ALTER ROLE "app" LOGIN PASSWORD <the password of app, in quotes>`},
		},
		{
			name: "his own password", w: one("dba"),
			state: postgresState{admin: "dba", roles: map[string]postgresRole{"dba": {canLogin: true, refused: true}}, databases: map[string]postgresDatabase{"d": {owner: "dba"}}},
			want:  []string{`ALTER ROLE "dba" PASSWORD <the password of dba, in quotes>`},
		},
		{
			name: "somebody else's database", w: one("app"),
			state: postgresState{
				admin: "dba", createDB: true, roles: map[string]postgresRole{"app": joinable, "postgres": {canLogin: true}},
				databases: map[string]postgresDatabase{"d": {owner: "postgres"}},
			},
			lacks: `"dba" may not act as "postgres": let a superuser run ` + "`GRANT \"postgres\" TO \"dba\";`",
		},
		{
			name: "no right to anything", w: one("app"), state: postgresState{admin: "dba"},
			lacks: "\"dba\" may not create or change the user \"app\": let a superuser run `ALTER ROLE \"dba\" CREATEROLE;`",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			steps, err := planPostgres(c.w, c.state)
			if c.lacks != "" {
				if err == nil || !strings.Contains(err.Error(), c.lacks) || steps != nil {
					t.Errorf("%v with %v", err, texts(steps))
				}
				return
			}
			if d := cmp.Diff(c.want, texts(steps)); d != "" || err != nil {
				t.Errorf("%v\n%s", err, d)
			}
		})
	}
}

// A new owner gets the tables with the database, in one transaction.
func TestPlanPostgresNewOwner(t *testing.T) {
	member := postgresRole{canLogin: true, member: true}
	steps, err := planPostgres(one("app"), postgresState{
		admin: "dba", createDB: true, roles: map[string]postgresRole{"app": member, "o'ld": member}, databases: map[string]postgresDatabase{"d": {owner: "o'ld"}},
	})
	if err != nil || len(steps) != 1 || steps[0].in != "d" || len(steps[0].statements) != 1 {
		t.Fatalf("%+v, %v", steps, err)
	}
	for _, part := range []string{`ALTER DATABASE "d" OWNER TO "app"`, `r.rolname = ''o''''ld''`, `, t, ''app''`, `REVOKE ALL ON DATABASE "d" FROM PUBLIC`} {
		if text := steps[0].statements[0].sql; !strings.Contains(text, part) {
			t.Errorf("does not hold %s: %s", part, text)
		}
	}
}

func TestQuoting(t *testing.T) {
	for got, want := range map[string]string{
		pgName(`a"b`): `"a""b"`, pgText(`a'b`): `'a''b'`, pgText(`a\b'`): ` E'a\\b'''`,
		myName("a`b"): "`a``b`", myText(`a'b\`): `'a''b\'`, myPattern(`a_b%c\`): "`a\\_b\\%c\\\\`",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// The example of RFC 7677 section 3.
func TestSCRAM(t *testing.T) {
	salt, _ := base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==")
	verifier := scram("pencil", salt)
	head, keys, _ := strings.Cut(strings.TrimPrefix(verifier, "SCRAM-SHA-256$4096:"), "$")
	_, serverKey, _ := strings.Cut(keys, ":")
	key, err := base64.StdEncoding.DecodeString(serverKey)
	if err != nil || head != "W22ZaJ0SNY7soEsUEjb6gQ==" {
		t.Fatal(verifier, err)
	}
	const nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
	h := hmac.New(sha256.New, key)
	h.Write([]byte("n=user,r=rOprNGfwEbeRWgbNEkqO,r=" + nonce + ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=" + nonce))
	if got := base64.StdEncoding.EncodeToString(h.Sum(nil)); got != "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=" {
		t.Errorf("the server would sign %s", got)
	}
	if scram("pässword", salt) != "pässword" {
		t.Error("a password that would have to be prepared is not left to the server")
	}
}
