// A browser without scripts: follows redirects, keeps cookies, reads forms and sends them.
import assert from 'node:assert/strict'

const entities = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&#34;': '"', '&#39;': "'", '&quot;': '"' }
const decode = text => text.replace(/&(?:amp|lt|gt|quot|#34|#39);/g, e => entities[e]).replace(/&#(\d+);/g, (_, n) => String.fromCodePoint(n))

function attributes(tag) {
  const found = {}
  for (const [, name, value] of tag.matchAll(/([a-zA-Z-]+)(?:="([^"]*)")?/g)) found[name] ??= decode(value ?? '')
  return found
}

// The forms of a page: where each goes, what it sends as it is, and its buttons.
function forms(html) {
  return [...html.matchAll(/<form([^>]*)>([\s\S]*?)<\/form>/g)].map(([, head, body]) => {
    const fields = new URLSearchParams()
    const names = new Set()
    for (const [, tag] of body.matchAll(/<input([^>]*)>/g)) {
      const input = attributes(tag)
      names.add(input.name)
      if (input.type === 'checkbox' || input.type === 'radio' ? 'checked' in input : input.name) fields.append(input.name, input.value ?? 'on')
    }
    const buttons = [...body.matchAll(/<button([^>]*)>/g)].map(([, tag]) => attributes(tag))
    return { ...attributes(head), fields, names, buttons }
  })
}

export class Browser {
  cookies = new Map()

  constructor(end) {
    this.end = end
  }

  // Goes to an address and on until a page is shown, or the address begins like the one where it ends: that is given back as a URL.
  async visit(address, body) {
    for (let hops = 0; hops < 12; hops++) {
      const url = new URL(address)
      if (url.href.startsWith(this.end)) return url
      const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
      const response = await fetch(url, {
        method: body ? 'POST' : 'GET', body, redirect: 'manual',
        headers: { accept: 'text/html', cookie, ...body && { origin: url.origin, 'sec-fetch-site': 'same-origin' } },
      })
      for (const line of response.headers.getSetCookie()) this.keep(line)
      const html = await response.text()
      const location = response.headers.get('location')
      if (!location) return { url, status: response.status, html, forms: forms(html) }
      body = undefined
      address = new URL(location, url).href
    }
    assert.fail(`redirects without end, the last to ${address}`)
  }

  keep(line) {
    const [pair, ...rest] = line.split(';')
    const name = pair.slice(0, pair.indexOf('='))
    if (rest.some(r => /^\s*max-age=(0|-\d+)$/i.test(r))) this.cookies.delete(name)
    else this.cookies.set(name, pair.slice(name.length + 1))
  }

  // Fills in the form that has such a button, and presses it.
  submit(page, name, value, values = {}) {
    const form = page.forms.find(f => f.buttons.some(b => b.name === name && b.value === value))
    assert.ok(form, `no button ${name}=${value} on ${page.url}: ${page.html}`)
    const fields = new URLSearchParams(form.fields)
    for (const [field, typed] of Object.entries(values)) {
      assert.ok(form.names.has(field), `no field ${field} on ${page.url}: ${page.html}`)
      fields.set(field, typed)
    }
    fields.set(name, value)
    return this.visit(new URL(form.action, page.url).href, fields)
  }

  // Follows the link whose address has a part in it.
  follow(page, part) {
    const link = [...page.html.matchAll(/<a([^>]*)>/g)].map(([, tag]) => attributes(tag).href).find(href => href?.includes(part))
    assert.ok(link, `no link with ${part} on ${page.url}: ${page.html}`)
    return this.visit(new URL(link, page.url).href)
  }

  // Asks the API with the browser's cookies.
  async api(address) {
    return fetch(address, { headers: { accept: 'application/json', cookie: [...this.cookies].map(([n, v]) => `${n}=${v}`).join('; ') } })
  }
}
