// Run by the Go test beside this folder. People register and sign in on the server's own pages, on their way to an application.
import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import * as oidc from 'openid-client'
import { Browser } from './browser.js'

const { GATEHOUSE_PUBLIC, GATEHOUSE_ADMIN } = process.env
const at = path => new URL(GATEHOUSE_PUBLIC + path).pathname // a tenant may be below a prefix
const callback = 'http://127.0.0.1:9/callback'
const password = 'quiet-harbour-lantern-47'
let config

async function admin(method, path, body) {
  const response = await fetch(GATEHOUSE_ADMIN + path, {
    method, headers: { 'content-type': 'application/json' }, body: body && JSON.stringify(body),
  })
  const text = await response.text()
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`)
  return text ? JSON.parse(text) : undefined
}

before(async () => {
  const client = await admin('POST', '/admin/clients', {
    client_name: 'Harbour', grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'],
    scope: 'openid offline email profile', redirect_uris: [callback], post_logout_redirect_uris: [callback],
  })
  config = await oidc.discovery(new URL(GATEHOUSE_PUBLIC + '/'), client.client_id, { client_secret: client.client_secret }, oidc.ClientSecretBasic(client.client_secret),
    { execute: [oidc.allowInsecureRequests] })
})

// What a login needs: its address, and the function that makes tokens of where it came back.
async function login(parameters = {}) {
  const verifier = oidc.randomPKCECodeVerifier()
  const state = oidc.randomState()
  const nonce = oidc.randomNonce()
  const address = oidc.buildAuthorizationUrl(config, {
    redirect_uri: callback, scope: 'openid offline email profile', state, nonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256', ...parameters,
  }).href
  const tokens = back => {
    assert.ok(back instanceof URL, `the login ended on ${back.url}: ${back.html}`)
    return oidc.authorizationCodeGrant(config, back, {
      pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true,
      maxAge: parameters.max_age === undefined ? undefined : Number(parameters.max_age) + 5,
    })
  }
  return { address, tokens }
}

// The newest six digits that somebody was sent.
async function code(email, template) {
  const messages = await admin('GET', `/admin/courier/messages?recipient=${encodeURIComponent(email)}`)
  const message = messages.find(m => m.template_type === template)
  assert.ok(message, `${email} was sent no ${template}: ${JSON.stringify(messages)}`)
  return message.body.match(/\b[0-9]{6}\b/)[0]
}

async function person(email) {
  return admin('POST', '/admin/identities', {
    schema_id: 'default', traits: { email, name: { first: 'Bea', last: 'Boat' } }, credentials: { password: { config: { password } } },
  })
}

// Signs in on the login page that is shown, and allows what is asked.
async function signIn(browser, page, email) {
  assert.equal(page.url?.pathname, at('/account/login'), page.html)
  return browser.submit(page, 'method', 'password', { identifier: email, password })
}

async function allow(browser, page) {
  assert.equal(page.url?.pathname, at('/account/consent'), page.html)
  return browser.submit(page, 'said', 'yes', { remember: 'true' })
}

// Nobody is asked anything: the error, or undefined where there is a code.
async function silently(browser, parameters = {}) {
  const { address, tokens } = await login({ prompt: 'none', ...parameters })
  const back = await browser.visit(address)
  assert.ok(back instanceof URL, `prompt=none showed ${back.url}`)
  return back.searchParams.get('error') ?? (await tokens(back)).claims()
}

test('a new person registers on the way to an application', async () => {
  const email = 'nora@example.com'
  const browser = new Browser(callback)
  const { address, tokens: exchange } = await login()
  let page = await browser.visit(address)
  assert.equal(page.url.pathname, at('/account/login'))
  page = await browser.follow(page, '/self-service/registration/browser')
  page = await browser.submit(page, 'method', 'profile', { 'traits.email': email, 'traits.name.first': 'Nora', 'traits.name.last': 'North' })
  page = await browser.submit(page, 'method', 'password', { password })
  assert.equal(page.url?.pathname, at('/account/verification'), page.html)
  page = await browser.submit(page, 'method', 'code', { code: '000000' })
  page = await browser.submit(page, 'method', 'code', { code: await code(email, 'verification_code_valid') })
  if (page.url?.pathname === at('/account/verification')) page = await browser.follow(page, 'login_challenge')
  assert.match(page.html, /Harbour/)
  const tokens = await exchange(await allow(browser, page))

  const claims = tokens.claims()
  const [who] = await admin('GET', `/admin/identities?credentials_identifier=${email}`)
  assert.equal(claims.sub, who.id)
  assert.equal(claims.email, email)
  assert.equal(claims.email_verified, true)
  assert.equal(claims.name, 'Nora North')
  assert.ok(claims.amr.includes('password'))
  const userinfo = await oidc.fetchUserInfo(config, tokens.access_token, who.id)
  assert.deepEqual([userinfo.email, userinfo.email_verified, userinfo.name, userinfo.given_name], [email, true, 'Nora North', 'Nora'])
  const next = await oidc.refreshTokenGrant(config, tokens.refresh_token)
  assert.equal(next.claims().sub, who.id)
  assert.equal((await oidc.fetchUserInfo(config, next.access_token, who.id)).name, 'Nora North')
  assert.equal((await browser.api(`${GATEHOUSE_PUBLIC}/sessions/whoami`)).status, 200)

  const end = oidc.buildEndSessionUrl(config, { post_logout_redirect_uri: callback, id_token_hint: next.id_token, state: 'bye' })
  page = await browser.visit(end.href)
  if (!(page instanceof URL)) page = await browser.submit(page, 'said', 'yes')
  assert.equal(page.searchParams.get('state'), 'bye')
  assert.equal((await browser.api(`${GATEHOUSE_PUBLIC}/sessions/whoami`)).status, 401)
  assert.equal(await silently(browser), 'login_required')
})

test('who is signed in is not asked again', async () => {
  const who = await person('bea@example.com')
  const browser = new Browser(callback)
  assert.equal(await silently(browser), 'login_required')
  const first = await login()
  const page = await signIn(browser, await browser.visit(first.address), 'bea@example.com')
  const tokens = await first.tokens(await allow(browser, page))
  assert.equal(tokens.claims().sub, who.id)
  assert.equal(tokens.claims().email_verified, false)

  const second = await login()
  const again = (await second.tokens(await browser.visit(second.address))).claims()
  assert.equal(again.sub, who.id)
  assert.equal(again.auth_time, tokens.claims().auth_time)
  assert.equal(again.sid, tokens.claims().sid)
  assert.equal((await silently(browser)).sub, who.id)

  // The hint of a stranger's ID token is not answered with somebody else.
  const stranger = new Browser(callback)
  await person('stan@example.com')
  const other = await login()
  const theirs = await other.tokens(await allow(stranger, await signIn(stranger, await stranger.visit(other.address), 'stan@example.com')))
  assert.equal(await silently(browser, { id_token_hint: theirs.id_token }), 'login_required')
})

test('prompt=login and max_age ask for the password again', async () => {
  const email = 'max@example.com'
  await person(email)
  const browser = new Browser(callback)
  const first = await login()
  const before = (await first.tokens(await allow(browser, await signIn(browser, await browser.visit(first.address), email)))).claims()
  await sleep(1100)

  for (const parameters of [{ prompt: 'login' }, { max_age: '0' }]) {
    const fresh = await login(parameters)
    const page = await browser.visit(fresh.address)
    assert.equal(page.url?.pathname, at('/account/login'), `${JSON.stringify(parameters)} showed no login`)
    const wrong = await browser.submit(page, 'method', 'password', { password: 'quiet-harbour-lantern-48' })
    assert.equal(wrong.url?.pathname, at('/account/login'))
    const after = (await fresh.tokens(await browser.submit(wrong, 'method', 'password', { password }))).claims()
    assert.equal(after.sub, before.sub)
    assert.ok(after.auth_time > before.auth_time, `${JSON.stringify(parameters)}: ${after.auth_time} is not after ${before.auth_time}`)
  }
  assert.equal(await silently(browser, { max_age: '0' }), 'login_required')
  assert.equal((await silently(browser, { max_age: '600' })).sub, before.sub)
})

test('a session that an administrator revokes ends the login', async () => {
  const email = 'rita@example.com'
  const who = await person(email)
  const browser = new Browser(callback)
  const first = await login()
  await first.tokens(await allow(browser, await signIn(browser, await browser.visit(first.address), email)))
  assert.equal((await silently(browser)).sub, who.id)
  const session = await (await browser.api(`${GATEHOUSE_PUBLIC}/sessions/whoami`)).json()
  await admin('DELETE', `/admin/sessions/${session.id}`)
  assert.equal((await browser.api(`${GATEHOUSE_PUBLIC}/sessions/whoami`)).status, 401)
  assert.equal(await silently(browser), 'login_required')
  const second = await login()
  const page = await browser.visit(second.address)
  const back = await signIn(browser, page, email)
  assert.equal((await second.tokens(back)).claims().sub, who.id) // what was allowed stays so
})

test('who is no longer wanted gets nowhere', async () => {
  const email = 'gone@example.com'
  const who = await person(email)
  const browser = new Browser(callback)
  const first = await login()
  const page = await browser.visit(first.address)
  await admin('PATCH', `/admin/identities/${who.id}`, [{ op: 'replace', path: '/state', value: 'inactive' }])
  const refused = await signIn(browser, page, email)
  assert.ok(!(refused instanceof URL), 'a disabled account signed in')
  assert.equal((await browser.api(`${GATEHOUSE_PUBLIC}/sessions/whoami`)).status, 401)
})

test('a person says no', async () => {
  const email = 'nina@example.com'
  await person(email)
  const browser = new Browser(callback)
  const { address } = await login()
  const page = await signIn(browser, await browser.visit(address), email)
  const back = await browser.submit(page, 'said', 'no')
  assert.equal(back.searchParams.get('error'), 'access_denied')
})

test('signing out on the account pages ends the logins of applications', async () => {
  const email = 'olga@example.com'
  await person(email)
  const browser = new Browser(callback)
  const first = await login()
  await first.tokens(await allow(browser, await signIn(browser, await browser.visit(first.address), email)))
  const asked = await browser.visit(`${GATEHOUSE_PUBLIC}/account/logout`)
  const done = await browser.submit(asked, 'said', 'yes')
  assert.equal(done.status, 200)
  assert.equal((await browser.api(`${GATEHOUSE_PUBLIC}/sessions/whoami`)).status, 401)
  assert.equal(await silently(browser), 'login_required')
})

test('a person stays signed in who does not want an application to sign them out', async () => {
  const email = 'stay@example.com'
  const who = await person(email)
  const browser = new Browser(callback)
  const first = await login()
  const tokens = await first.tokens(await allow(browser, await signIn(browser, await browser.visit(first.address), email)))
  // Without a hint nobody knows whether the application asks for this person, so they are asked.
  const end = oidc.buildEndSessionUrl(config, { post_logout_redirect_uri: callback, state: 'bye' })
  const asked = await browser.visit(end.href)
  assert.equal(asked.url?.pathname, at('/account/logout'), asked.html)
  await browser.submit(asked, 'said', 'no')
  assert.equal((await silently(browser)).sub, who.id)
  assert.equal(tokens.claims().acr, 'aal1')
})

test('the login page knows what the application told about the person', async () => {
  const { address } = await login({ login_hint: 'hint@example.com', ui_locales: 'de' })
  const page = await new Browser(callback).visit(address)
  assert.match(page.html, /<html lang="de"/)
  assert.equal(page.forms.find(f => f.fields.has('identifier')).fields.get('identifier'), 'hint@example.com')
})
