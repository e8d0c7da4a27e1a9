// Package yamldoc reads YAML of strangers in bounded time. It owns that bound and nothing of what documents mean.
//
// The library compares each key of a mapping with each other one, so what a mapping costs grows with the square of its keys: some
// megabytes of them keep a processor busy for hours. Aliases multiply that. So what a document would cost is counted before it is decoded.
package yamldoc
