// Package patch changes JSON documents as a JSON Patch (RFC 6902) says, within bounds, or a merge patch (RFC 7396).
//
// It owns the bounds, how the library is asked, and the words for what is wrong with a patch. Which fields may be changed is the
// caller's matter, and so are the fault that a bad patch becomes and what is made of the document.
package patch
