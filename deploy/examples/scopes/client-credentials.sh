#!/usr/bin/env bash
# A program gets tokens in its own name (RFC 6749 §4.4) and calls the API with them.
. "$(dirname "${BASH_SOURCE[0]}")/expect.sh"

made=$(curl -sf -H 'Content-Type: application/json' "$admin/admin/clients" -d '{
  "client_name": "A nightly job", "grant_types": ["client_credentials"], "scope": "read write"
}')
id=$(member client_id <<<"$made")
secret=$(member client_secret <<<"$made")
token() { curl -sf -u "$id:$secret" "$public/oauth2/token" -d grant_type=client_credentials -d "scope=$1" | member access_token; }

reads=$(token read)
curl -sf -u "$id:$secret" "$admin/admin/oauth2/introspect" -d "token=$reads" | grep -q '"active":true.*"scope":"read"'
check "$reads" "$(token write)"
