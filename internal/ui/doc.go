// Package ui holds the words of self-service: the texts with their numbers, the nodes of a form, the documents of the flows.
//
// Everything here is a value. Who decides what a form asks is package selfservice and the methods; who shows it is a client,
// or package account. The wire format, keys, order and numbers, is that of Ory Kratos, so that its clients understand it.
//
//	Text          a sentence with its number; Localize says it in German
//	Node          a field, button, link, picture, paragraph, script; five keys, attributes by type
//	Form          the nodes of a flow and what is said about them: `ui`
//	Flow          the document of a flow; which keys it has depends on its Kind
//	ContinueWith  what a client does next
//	Invalid       what is wrong with a submission, by field
//
// The numbers of texts:
//
//	1010xxx  login           4000xxx  fields, credentials
//	1040xxx  registration    4009xxx  ours: what Kratos has no number for
//	1050xxx  settings        4010xxx  login, and flows without a method
//	1060xxx  recovery        4040xxx  registration      4060xxx  recovery
//	1070xxx  labels          4050xxx  settings          4070xxx  verification
//	1080xxx  verification    5000xxx  our own mistakes
package ui
