// Package source reads access rules from where they are kept: files and directories, web servers, object stores, and the
// configuration itself.
//
// It owns how a place of rules is named (Locate), how it is read, and how a reader knows that nothing has changed. It does not own when
// places are read and what becomes of their rules: that is package rulebook, which also keeps what remote ones said.
//
//	file://…, a directory   looked at by name, size and time; read when two looks show the same
//	inline://               once
//	https://…, http://…     asked with the entity tag and the date of the last answer (RFC 9110 §13.1)
//	s3://bucket/key         the same
package source
