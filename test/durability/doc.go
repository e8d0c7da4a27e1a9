// Package durability holds the tests of what Gatehouse promises about a crash: what was acknowledged is there afterwards.
package durability
