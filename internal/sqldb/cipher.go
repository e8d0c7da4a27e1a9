package sqldb

import (
	"context"
	"errors"
)

// ErrNoCipher says that a database cannot be asked how connections to it are encrypted.
var ErrNoCipher = errors.New("this kind of database cannot be asked how a connection is encrypted")

// Cipher asks the database how a connection to it is encrypted: the name of the cipher, "" where it is in the clear. All connections of
// a pool are made alike.
func (db *DB) Cipher(ctx context.Context) (cipher string, err error) {
	switch db.Dialect() {
	case PostgreSQL:
		err = db.AllTenants().QueryRow(ctx, `SELECT COALESCE(cipher, '') FROM pg_stat_ssl WHERE pid = pg_backend_pid()`).Scan(&cipher)
	case MySQL:
		var name string
		err = db.AllTenants().QueryRow(ctx, `SHOW SESSION STATUS LIKE 'Ssl_cipher'`).Scan(&name, &cipher)
	default:
		err = ErrNoCipher
	}
	return cipher, err
}
