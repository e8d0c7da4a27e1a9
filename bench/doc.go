// Command bench measures Gatehouse's speed as ratios within one run.
//
// Absolute figures say more about the machine than about the server, so each run measures, on the same machine and
// in the same minute, two yardsticks beside each workload:
//
//   - a bare net/http handler that reads a form and answers a JSON document of a token response's size: what the
//     machine can do when an endpoint does nothing;
//   - single-row INSERT commits on the same database over as many connections: what the database can acknowledge
//     one by one.
//
// The servers run as processes of their own (the release binary for Gatehouse, this program again for the bare
// handler); the load comes from net/http clients in this process, one keep-alive connection for each worker. Full load
// is a closed loop. Latency at half load is an open loop at half the measured rate: a request's time counts from the
// moment it was due and not from when it was sent, so a stall of the server is not hidden by the requests that it kept
// from being sent. Only a worker that was free and was woken late by its own timer counts from when it sent. Medians of
// five rounds are given, and beside them what the bare handler takes at the same rate; each round finds out anew what full load is.
//
// Run it with `make bench`; `go run ./bench -h` lists the flags.
package main
