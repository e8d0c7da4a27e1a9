// Package target reads where a request goes: scheme, host and path in one way, the same for the rule that decides and for the
// application behind it.
//
// It owns what a path and a host may look like, and which of them are refused because somebody could read them otherwise. It does not
// own what is decided about them.
//
//	as it was sent            what comes of it
//	/a/%62, HOST.             /a/b, host: another spelling of the same
//	/a/../b, //b              /b, and Changed is told: who passes the original on must refuse it
//	/a%2Fb, /..;/a, /%2541    refused with a copy of ErrAmbiguous that says why
package target
