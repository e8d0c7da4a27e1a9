# For the scripts beside it: asks the proxy for each case and compares the status.
set -euo pipefail
public=http://127.0.0.1:4444 admin=http://127.0.0.1:4445 proxy=http://127.0.0.1:4455

expect() { # status method path [token]
  local want=$1 method=$2 path=$3 token=${4-} got
  got=$(curl -s -o /dev/null -w '%{http_code}' -X "$method" ${token:+-H "Authorization: Bearer $token"} "$proxy$path")
  echo "$method $path ${token:+with a token }-> $got"
  [ "$got" = "$want" ] || { echo "expected $want" >&2; exit 1; }
}

# member NAME: the value of a member of the JSON object on standard input.
member() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }

# What each of two tokens opens; made_up is one that nobody issued.
check() { # token with read, token with write
  local made_up=gh_at_0123456789 path
  for path in /api/orders /shop/orders; do
    expect 401 GET "$path"
    expect 401 GET "$path" "$made_up"
    expect 200 GET "$path" "$1"
    expect 403 POST "$path" "$1"
    expect 200 POST "$path" "$2"
    expect 403 GET "$path" "$2"
  done
  expect 403 POST /shop/prices "$2"
  expect 404 GET /elsewhere "$1"
}
