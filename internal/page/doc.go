// Package page is what people see when no app of the operator's shows something better: errors, messages, and
// small forms.
//
// It owns the templates, the one stylesheet, and the headers that keep such a page safe. It does not own any
// flow: package authorize decides what a form asks and where it goes. Pages work without JavaScript, on a phone,
// by keyboard and screen reader, in light and dark.
//
//	page      data      shows
//	error     Error     what went wrong, what to do, the code and the request id to quote
//	message   Message   a text, facts, links
//	form      Form      fields and buttons; posted to Action
//
// Route that Mount registers:
//
//	GET /static/page.<hash>.css   the stylesheet, kept by browsers for a year; another version has another name
package page
