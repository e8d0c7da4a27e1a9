// Package ui holds the words of self-service: the texts with their numbers, the nodes of a form, the documents of the flows.
//
// Everything here is a value. Who decides what a form asks is package selfservice and the methods; who shows it is a client,
// or package account.
package ui
