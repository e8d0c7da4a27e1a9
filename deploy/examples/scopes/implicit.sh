#!/usr/bin/env bash
# A person logs in to an application in the browser, which gets its token in the address's fragment (RFC 6749 §4.2). curl is the
# browser, and this script answers for the login app and for the person. New applications use the authorization code: the
# implicit grant is off in production.
. "$(dirname "${BASH_SOURCE[0]}")/expect.sh"
jar=$(mktemp)
trap 'rm -f "$jar"' EXIT

id=$(curl -sf -H 'Content-Type: application/json' "$admin/admin/clients" -d '{
  "client_name": "A page of scripts", "grant_types": ["implicit"], "response_types": ["token id_token", "id_token"],
  "scope": "openid read write", "redirect_uris": ["http://127.0.0.1:3000/callback"], "token_endpoint_auth_method": "none"
}' | member client_id)

visit() { curl -s -o /dev/null -w '%{redirect_url}' -b "$jar" -c "$jar" "$1"; }
accept() { # login or consent, its challenge, what is accepted
  curl -sf -X PUT -H 'Content-Type: application/json' "$admin/admin/oauth2/auth/requests/$1/accept?$1_challenge=$2" -d "$3" |
    member redirect_to | sed 's/\\u0026/\&/g'
}
authorize() { # response type, scope: the callback's address
  local at
  : >"$jar"
  at=$(visit "$public/oauth2/auth?client_id=$id&response_type=$1&scope=openid+$2&redirect_uri=http%3A%2F%2F127.0.0.1%3A3000%2Fcallback&state=$state&nonce=$nonce")
  at=$(visit "$(accept login "${at#*login_challenge=}" '{"subject": "ann"}')")
  at=$(visit "$(accept consent "${at#*consent_challenge=}" "{\"grant_scope\": [\"openid\", \"$2\"]}")")
  echo "$at"
}
state=a-state-of-this-page nonce=a-nonce-of-this-page

only_id=$(authorize id_token read)
[[ $only_id == *"#"*id_token=*"state=$state"* || $only_id == *"#"*"state=$state"*id_token=* ]] && [[ $only_id != *access_token=* ]] ||
  { echo "the callback is $only_id" >&2; exit 1; }

token() { authorize token+id_token "$1" | sed 's/.*[#&]access_token=\([^&]*\).*/\1/'; }
check "$(token read)" "$(token write)"
