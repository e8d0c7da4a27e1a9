// Package chart renders the Helm chart in deploy/chart with Helm's own library, and judges what comes of it: for every profile and kind of
// database, for every example, and for values that contradict each other.
package chart
