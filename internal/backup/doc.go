// Package backup keeps the content of the databases elsewhere, so that it can be brought back.
//
// It owns what a backup is: which files, how they are encrypted, how they build on one another, where they go and when they may
// go away. What the content is and how databases are read and filled belongs to package dataset.
//
//	databases ─▶ dataset.Write ─▶ zstd ─▶ age ─▶ every destination
//	databases ◀─ dataset.Load ◀─ zstd ◀─ age ◀─ one of them
//
// # The files of a backup
//
//	gatehouse-ID.zst.age   rows: a stream of package dataset, compressed, encrypted for the recipients
//	gatehouse-ID.chunks    the digests of all its chunks, made with a key that only servers and the encrypted file have
//	gatehouse-ID.json      the manifest, written last: without it the others are no backup
//
// An incremental backup holds the chunks that its parent has not, and names the others. So a server needs only the parent's
// index to make one, and none of what would open it. To read it, all files down to the full one are read side by side, each once.
//
// # Route of the admin listener
//
//	POST /admin/data/backups   how a backup went that was made of this server by its export
//
// The manifest is authenticated by the server's secrets, its MAC covers the encrypted file's SHA-256, and that file repeats
// whose it is: so nobody can put one backup in place of another, nor make one up. A destination is believed nothing between two
// readings: what is restored is held against the manifest before a server may start on it.
package backup
