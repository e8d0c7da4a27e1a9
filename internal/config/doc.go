// Package config is the one typed document that a server is started with: it gathers the Config structs of the features,
// loads them, and says everything that is wrong with them at once.
//
// It owns the loading, the four databases' addresses, the system secrets and the two profiles. What is unsafe is judged by package
// harden from the facts that this package gives; production refuses what is critical there. What a feature's keys mean and which
// values they take is the feature's own: its Config, whose limits min and max are held here where a key is written, and Validate. Only
// app and cmd import it.
//
// Layers, the later over the earlier, key by key (lists are replaced as a whole):
//
//	defaults of the profile
//	the files of -c, in their order     YAML; unknown keys and wrong types are refused with their line
//	environment                         GATEHOUSE_SERVE_PUBLIC_ADDRESS for serve.public.address; lists as JSON or
//	                                    separated by commas; secrets also from the file that GATEHOUSE_…_FILE names
//	what follows from the rest          a database without an address takes databases.dsn, else a file in data_dir;
//	                                    in development missing secrets are generated once
//
// Profiles:
//
//	                     development (default)           production
//	missing secrets      generated, kept in data_dir     refused
//	weak secrets         refused under 16 characters     also placeholders and what is easily guessed
//	admin listener       open, on this machine only      asks for a key of secrets.admin or a client certificate
//	databases            memory allowed                  memory refused, and connections in the clear
//	TLS to databases     as the server can               certificates and names checked, unless an address says otherwise
//	migrations           at start                        by gatehouse migrate up, unless databases.auto_migrate
//	public listener      plain HTTP allowed              TLS here or at a declared proxy, https base URL
//	front-channel tokens on                              off unless a client is named
//	what is refused      what is not valid               also each critical finding that harden.accept does not accept
//
// The names, defaults and meanings of all keys come from the structs and their comments: go generate reads the comments
// into comments.json, from which Explain, Schema and Reference speak; a test fails when it is stale.
package config

//go:generate go test -run ^TestGenerated$ . -update
