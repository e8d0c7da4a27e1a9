// Run by the Go test beside this folder, which starts the server and names it in the environment.
import assert from 'node:assert/strict'
import test from 'node:test'
import * as oidc from 'openid-client'

const { GATEHOUSE_PUBLIC, GATEHOUSE_ADMIN } = process.env
const insecure = { execute: [oidc.allowInsecureRequests] } // the test's server speaks plain HTTP on loopback
const callback = 'http://127.0.0.1:9/callback'

async function admin(method, path, body) {
  const response = await fetch(GATEHOUSE_ADMIN + path, {
    method, headers: { 'content-type': 'application/json' }, body: body && JSON.stringify(body),
  })
  const text = await response.text()
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`)
  return text ? JSON.parse(text) : undefined
}

async function discover(registration, authentication) {
  const client = await admin('POST', '/admin/clients', registration)
  return oidc.discovery(new URL(GATEHOUSE_PUBLIC + '/'), client.client_id, { client_secret: client.client_secret },
    authentication?.(client.client_secret), insecure)
}

// A browser and a login app in one: follows redirects by hand, keeps cookies, and accepts what it is asked.
async function logIn(address, session) {
  const cookies = new Map()
  for (let hops = 0; hops < 10; hops++) {
    const url = new URL(address)
    if (url.href.startsWith(callback)) return url
    for (const kind of ['login', 'consent', 'logout']) {
      const challenge = url.searchParams.get(`${kind}_challenge`)
      if (!challenge) continue
      const path = `/admin/oauth2/auth/requests/${kind}`
      const asked = await admin('GET', `${path}?${kind}_challenge=${challenge}`)
      const answer = kind === 'login' ? { subject: 'ada' }
        : kind === 'consent' ? { grant_scope: asked.requested_scope, grant_access_token_audience: asked.requested_access_token_audience, session }
          : {}
      address = (await admin('PUT', `${path}/accept?${kind}_challenge=${challenge}`, answer)).redirect_to
    }
    const response = await fetch(address, {
      redirect: 'manual', headers: { cookie: [...cookies].map(([k, v]) => `${k}=${v}`).join('; ') },
    })
    for (const line of response.headers.getSetCookie()) {
      const [pair] = line.split(';')
      cookies.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1))
    }
    const location = response.headers.get('location')
    assert.ok(location, `${url.pathname} answered ${response.status} without a Location: ${await response.text()}`)
    address = new URL(location, address).href
  }
  assert.fail('the login did not come back to the client')
}

const web = {
  grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], scope: 'openid offline',
  redirect_uris: [callback], post_logout_redirect_uris: [callback],
}

for (const [name, method] of [['client_secret_basic', oidc.ClientSecretBasic], ['client_secret_post', oidc.ClientSecretPost]]) {
  test(`client credentials, introspection and revocation with ${name}`, async () => {
    const config = await discover({ grant_types: ['client_credentials'], scope: 'read', token_endpoint_auth_method: name }, method)
    const tokens = await oidc.clientCredentialsGrant(config, { scope: 'read' })
    assert.equal(tokens.token_type, 'bearer')
    assert.equal(tokens.scope, 'read')
    const seen = await oidc.tokenIntrospection(config, tokens.access_token)
    assert.equal(seen.active, true)
    assert.equal(seen.scope, 'read')
    await oidc.tokenRevocation(config, tokens.access_token)
    assert.equal((await oidc.tokenIntrospection(config, tokens.access_token)).active, false)
  })
}

test('a login with PKCE, then userinfo, refresh with rotation, and logout', async () => {
  const config = await discover(web, oidc.ClientSecretBasic)
  const verifier = oidc.randomPKCECodeVerifier()
  const state = oidc.randomState()
  const nonce = oidc.randomNonce()
  const start = oidc.buildAuthorizationUrl(config, {
    redirect_uri: callback, scope: 'openid offline', state, nonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  })
  const back = await logIn(start.href, { id_token: { email: 'ada@example.com' } })
  const tokens = await oidc.authorizationCodeGrant(config, back, {
    pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true,
  })
  assert.equal(tokens.claims().sub, 'ada')
  assert.equal(tokens.claims().email, 'ada@example.com')
  const userinfo = await oidc.fetchUserInfo(config, tokens.access_token, 'ada')
  assert.equal(userinfo.email, 'ada@example.com')
  const next = await oidc.refreshTokenGrant(config, tokens.refresh_token)
  assert.notEqual(next.refresh_token, tokens.refresh_token)
  assert.equal(next.claims().sub, 'ada')
  await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), e => e.error === 'invalid_grant')
  const end = oidc.buildEndSessionUrl(config, { post_logout_redirect_uri: callback, id_token_hint: tokens.id_token, state })
  assert.equal((await logIn(end.href)).searchParams.get('state'), state)
})

test('a public client logs in with PKCE and form_post is offered', async () => {
  const config = await discover({ ...web, token_endpoint_auth_method: 'none' }, () => oidc.None())
  assert.ok(config.serverMetadata().response_modes_supported.includes('form_post'))
  const verifier = oidc.randomPKCECodeVerifier()
  const state = oidc.randomState()
  const start = oidc.buildAuthorizationUrl(config, {
    redirect_uri: callback, scope: 'openid', state,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  })
  const back = await logIn(start.href)
  const tokens = await oidc.authorizationCodeGrant(config, back, { pkceCodeVerifier: verifier, expectedState: state, idTokenExpected: true })
  assert.equal(tokens.claims().sub, 'ada')
})

test('the implicit flow answers an ID token in the fragment with the nonce echoed', async () => {
  const config = await discover({ ...web, grant_types: ['implicit'], response_types: ['id_token'], token_endpoint_auth_method: 'none' }, () => oidc.None())
  oidc.useIdTokenResponseType(config)
  const state = oidc.randomState()
  const nonce = oidc.randomNonce()
  const start = oidc.buildAuthorizationUrl(config, { redirect_uri: callback, scope: 'openid', state, nonce, response_type: 'id_token' })
  const claims = await oidc.implicitAuthentication(config, await logIn(start.href), nonce, { expectedState: state })
  assert.equal(claims.sub, 'ada')
})

test('the hybrid flow answers a code and an ID token that fit each other', async () => {
  const config = await discover({ ...web, grant_types: ['authorization_code', 'implicit', 'refresh_token'], response_types: ['code id_token'] }, oidc.ClientSecretBasic)
  oidc.useCodeIdTokenResponseType(config)
  const verifier = oidc.randomPKCECodeVerifier()
  const state = oidc.randomState()
  const nonce = oidc.randomNonce()
  const start = oidc.buildAuthorizationUrl(config, {
    redirect_uri: callback, scope: 'openid', state, nonce, response_type: 'code id_token',
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  })
  const tokens = await oidc.authorizationCodeGrant(config, await logIn(start.href), { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce })
  assert.equal(tokens.claims().sub, 'ada')
})

test('private_key_jwt', async () => {
  const { privateKey, publicKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
  const jwk = { ...await crypto.subtle.exportKey('jwk', publicKey), kid: 'test', alg: 'ES256', use: 'sig' }
  const config = await discover({
    grant_types: ['client_credentials'], scope: 'read', token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'ES256', jwks: { keys: [jwk] },
  }, () => oidc.PrivateKeyJwt({ key: privateKey, kid: 'test' }))
  const tokens = await oidc.clientCredentialsGrant(config, { scope: 'read' })
  assert.ok(tokens.access_token)
})
