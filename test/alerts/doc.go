// Package alerts reads the shipped alert rules as Prometheus does: with its own parser, and with its own engine over made series.
package alerts
