// Package page is how every page of this server looks, and the small pages that anybody may show: errors, messages, forms.
//
// It owns the layout, the one stylesheet and the one script, the headers that keep a page safe, the choice of a language, the
// operator's brand, and the directory in which the operator's own templates and texts are. It does not own any flow: package
// authorize decides what a form asks and where it goes, package account brings templates and texts of its own. Pages work
// without JavaScript, on a phone, by keyboard and screen reader, in light and dark.
//
//	page      data      shows
//	error     Error     what went wrong, what to do, the code and the request id to quote
//	message   Message   a text, facts, links
//	form      Form      fields and buttons; posted to Action
//
// A Site is these pages in one look, with those that another package adds. An operator's directory may hold
//
//	name.html      a template that takes the place of the one of that name, or several with {{define}}
//	en.json …      texts by key, or by the number of a text of the flows; a file for a new language adds it
//	style.css      what is added to the stylesheet
//	assets/        pictures and fonts
//
// Each file is tried before it is used, with data for every page; one that is wrong is reported in the log and left out.
//
// Routes that Mount registers:
//
//	GET /static/page.<hash>.css    the stylesheet, kept by browsers for a year; another look has another name
//	GET /static/page.<hash>.js     the script, likewise
//	GET /account/assets/{file}     the operator's pictures and fonts, where there is a directory
package page
