package identity

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-iam/gatehouse/internal/spell"
)

// Filter says which identities a list holds. At most one of IDs, Identifier, Similar, OrganizationID and Search is set.
type Filter struct {
	// IDs are the identities themselves; those that are not there are left out, and nothing pages.
	IDs []string
	// Identifier is one of a credential, compared exactly after it was normalised.
	Identifier string
	// Similar is part of an identifier of a credential.
	Similar string
	// OrganizationID is the organization that they belong to.
	OrganizationID string
	// Search is the beginning of a word of a trait, or of the external id.
	Search string
	// Field narrows Search to one trait ("traits.name.last") or to "external_id".
	Field string
	// Exact has Search compared with all of the text, from the word on.
	Exact bool
	// After is the id after which the list begins; empty begins at the first.
	After string
	// Limit is how many identities at most.
	Limit int
	// Credentials asks for the credentials too.
	Credentials bool
}

// List returns identities in the order of their ids, which is the order in which they came to be.
func (s *Store) List(ctx context.Context, f Filter) ([]*Identity, error) {
	query, args := f.query()
	if query == "" {
		return []*Identity{}, nil
	}
	list, err := s.many(ctx, query, args...)
	if err != nil || !f.Credentials || len(list) == 0 {
		return list, err
	}
	return list, s.addCredentials(ctx, list)
}

// query returns the statement of a list, "" for one that can hold nothing.
func (f *Filter) query() (string, []any) {
	page := ` ORDER BY i.id LIMIT ?`
	base := `SELECT ` + Columns("i") + ` FROM identity i WHERE i.tenant_id = :tenant AND i.id > ?`
	for _, text := range []string{f.Identifier, f.Similar, f.Field} {
		if !utf8.ValidString(text) || strings.Contains(text, "\x00") {
			return "", nil // PostgreSQL refuses it, and nobody's can be so
		}
	}
	switch {
	case len(f.IDs) > 0:
		return base + ` AND i.id IN (?)` + page, []any{f.After, f.IDs, f.Limit}
	case f.OrganizationID != "":
		return base + ` AND i.organization_id = ?` + page, []any{f.After, f.OrganizationID, f.Limit}
	case f.Identifier != "":
		values := []string{handleValue(f.Identifier), handleValue(NormalizeIdentifier(f.Identifier))}
		return f.byHandle(`h.kind IN (?) AND h.value IN (?) AND h.owner = ''`, credentialKinds(), values)
	case f.Similar != "":
		return f.byHandle(`h.kind IN (?) AND h.value LIKE ? ESCAPE '!' AND h.owner = ''`, credentialKinds(), "%"+likeText(fold(f.Similar))+"%")
	case f.Search != "":
		return f.search()
	}
	return base + page, []any{f.After, f.Limit}
}

// byHandle is the statement for identities of which a handle fits.
func (f *Filter) byHandle(condition string, args ...any) (string, []any) {
	args = append(append([]any{f.After}, args...), f.Limit)
	return `SELECT ` + Columns("i") + ` FROM identity i WHERE i.tenant_id = :tenant AND i.id > ? AND i.id IN (
		SELECT h.identity_id FROM identity_handle h WHERE h.tenant_id = :tenant AND ` + condition + `) ORDER BY i.id LIMIT ?`, args
}

// search goes by the key of the handles, from the text on: what begins with it lies side by side.
func (f *Filter) search() (string, []any) {
	text := spell.Fit(searchText(f.Search), maxSearch)
	if text == "" {
		return "", nil
	}
	condition, args := `h.kind = ? AND h.value >= ? AND h.value < ?`, []any{kindSearch, text, after(text)}
	if f.Exact {
		condition, args = `h.kind = ? AND h.value = ?`, []any{kindSearch, text}
	}
	if f.Field != "" {
		condition += ` AND h.field LIKE ? ESCAPE '!'`
		args = append(args, "%|"+likeText(f.Field)+"|%")
	}
	return f.byHandle(condition, args...)
}

// after is a text that comes after all that begin with the prefix, in the order of bytes: no character is greater than
// the one behind it, and no stored text ends in that one.
func after(prefix string) string { return prefix + "\U0010ffff" }

// likeText is a text inside a LIKE pattern, with "!" before what means something there.
func likeText(s string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(s)
}

func credentialKinds() []string {
	return []string{Password, OIDC, SAML, TOTP, LookupSecret, WebAuthn, Passkey, Code, DeviceAuthn}
}

func (s *Store) many(ctx context.Context, query string, args ...any) ([]*Identity, error) {
	rows, err := s.db.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []*Identity{}
	for rows.Next() {
		var r Row
		if err := rows.Scan(r.Dest()...); err != nil {
			return nil, err
		}
		id, err := s.Identity(ctx, &r)
		if err != nil {
			return nil, err
		}
		list = append(list, id)
	}
	return list, rows.Err()
}

// addCredentials reads the credentials of several identities in one statement.
func (s *Store) addCredentials(ctx context.Context, list []*Identity) error {
	byID := make(map[string]*Identity, len(list))
	ids := make([]string, len(list))
	for n, id := range list {
		ids[n] = id.ID
		byID[id.ID] = id
		id.stored.credentials, id.stored.complete = make(map[string]Credential), true
	}
	rows, err := s.db.Query(ctx, `SELECT c.identity_id, `+credentialColumns+` FROM identity_credential c
		WHERE c.tenant_id = :tenant AND c.identity_id IN (?)`, ids)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var owner string
		var r credentialRow
		if err := rows.Scan(append([]any{&owner}, r.dest()...)...); err != nil {
			return err
		}
		if err := s.put(&r, owner, byID[owner].stored.credentials); err != nil {
			return err
		}
	}
	for _, id := range list {
		id.Credentials = copyCredentials(id.stored.credentials)
	}
	return rows.Err()
}

// Count returns how many identities there are. It reads the whole index.
func (s *Store) Count(ctx context.Context) (int64, error) {
	var n int64
	err := s.db.QueryRow(ctx, `SELECT COUNT(*) FROM identity WHERE tenant_id = :tenant`).Scan(&n)
	return n, err
}

// Followers returns how many identities follow a schema, and limit where those are more. It looks at all that follow others.
func (s *Store) Followers(ctx context.Context, schemaID string, limit int) (n int, err error) {
	err = s.db.QueryRow(ctx, `SELECT COUNT(*) FROM (SELECT id FROM identity WHERE tenant_id = :tenant AND schema_id = ? LIMIT ?) AS followers`, schemaID, limit).Scan(&n)
	return n, err
}

// Skip returns the id after which a list begins that leaves out the first n identities, and false when there are not
// that many. It is for the page numbers of old clients alone: it counts through the index.
func (s *Store) Skip(ctx context.Context, n int) (string, bool, error) {
	if n == 0 {
		return "", true, nil
	}
	var id string
	rows, err := s.db.Query(ctx, `SELECT id FROM identity WHERE tenant_id = :tenant ORDER BY id LIMIT 1 OFFSET ?`, n-1)
	if err != nil {
		return "", false, err
	}
	defer rows.Close()
	if !rows.Next() {
		return "", false, rows.Err()
	}
	err = rows.Scan(&id)
	return id, err == nil, err
}
