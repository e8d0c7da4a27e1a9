// Package browser drives the pages of a running server with Chromium, the way people do: by what stands on labels, buttons and
// links, with a mouse or with the keyboard alone, on a desktop and on a phone, in English and in German, with scripts and
// without. What mails say is read from the mails. axe-core looks at each page for what keeps people out.
//
//	mkdir -p /tmp/pages && go test -artifacts -outputdir /tmp/pages ./...     also keeps pictures of all pages
package browser
