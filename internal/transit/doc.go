// Package transit asks the Transit engine of HashiCorp Vault or OpenBao to wrap and unwrap the secrets from which this server
// derives its keys, so that what is configured is worthless without the engine, and the engine's own log says who unwrapped it.
//
// It owns the words of that HTTP API and nothing else: no key is kept here, and no value of a database goes through the engine.
//
//	POST <address>/v1/<mount>/encrypt/<key>   {"plaintext": base64}   -> {"data": {"ciphertext": "vault:v1:…"}}
//	POST <address>/v1/<mount>/decrypt/<key>   {"ciphertext": "…"}     -> {"data": {"plaintext": base64}}
package transit
