// Command gatehouse is the server and its operator's tool.
//
// `serve`, `migrate` and `config` work on a configuration file. `clients`, `keys`, `introspect` and `perform` speak
// the HTTP API of a running server as any other client does, so whatever they can do, a program can do too.
//
// Exit status: 0 done, 1 failed (the reason is on standard error), 2 wrong usage.
package main
