import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { serveTestApp, type TestServer } from '../../support/graphql.ts'
import { rawCall } from '../../support/raw-call.ts'

/** What the first page of the console may weigh, as browsers get it. */
const FIRST_LOAD_MAX_BYTES = 150_000

describe('the console', () => {
  let server: TestServer
  beforeAll(async () => {
    server = await serveTestApp({ servesConsole: true, explorer: false })
  })
  afterAll(() => server.close())

  const get = async (path: string, headers: Record<string, string> = {}) => {
    const response = await fetch(server.url + path, { headers })
    return { status: response.status, headers: response.headers, text: await response.text() }
  }
  const namesIn = (text: string) => [...text.matchAll(/\/console\/assets\/([\w.-]+)/g)].map(([path]) => path)

  it('is one page at every address, under a policy that lets in nothing but this server', async () => {
    const { text } = await get('/console')
    for (const path of [
      '/console',
      '/console/',
      '/console?x=1',
      '/console/orders/1?y=2',
      '/console/nowhere',
    ]) {
      const answer = await get(path)
      expect([path, answer.status, answer.text]).toEqual([path, 200, text])
      expect(answer.headers.get('cache-control')).toBe('no-cache')
      const policy = answer.headers.get('content-security-policy')!
      expect(policy).toMatch(/^default-src 'self';.*frame-ancestors 'none'$/)
      expect(policy).not.toMatch(/unsafe|\*|https?:/)
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
    }
    expect(text).not.toMatch(/ style=|<style|<script>| on\w+=/)
  })

  it('has assets that browsers keep, compressed as they take it', async () => {
    const [path] = namesIn((await get('/console')).text)
    const plain = await rawCall(server.url + path, { headers: { 'accept-encoding': 'identity' } })
    expect(plain.headers['content-encoding']).toBeUndefined()
    for (const [accepted, encoding] of [
      ['gzip, deflate, br', 'br'],
      ['GZIP', 'gzip'],
      ['br;q=0, gzip;q=0.5', 'gzip'],
    ]) {
      const response = await fetch(server.url + path, { headers: { 'accept-encoding': accepted! } })
      expect(response.headers.get('content-encoding')).toBe(encoding)
      expect(response.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
      expect(response.headers.get('vary')).toContain('accept-encoding')
      expect(await response.text()).toBe(plain.text)
    }
    expect((await get('/console/assets/nothing.js')).status).toBe(404)
    expect((await get('/console/assets/..%2Findex.html')).status).toBe(404)
  })

  it('is opened by a link from another site, which cannot load its parts', async () => {
    const visit = {
      'sec-fetch-site': 'cross-site',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
    }
    const status = async (path: string, headers: Record<string, string>) =>
      (await rawCall(server.url + path, { headers })).status
    expect(await status('/console/orders', visit)).toBe(200)
    expect(await status('/graphql?query={__typename}', visit)).toBe(403)
    expect(await status('/consoles', visit)).toBe(403)
    expect(
      await status('/console', { ...visit, 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'script' }),
    ).toBe(403)
  })

  it('loads in less than 150 kB, every page with it', async () => {
    const seen = new Set<string>()
    const waiting = namesIn((await get('/console')).text)
    let bytes = 0
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      if (seen.has(path)) continue
      seen.add(path)
      const compressed = await rawCall(server.url + path, { headers: { 'accept-encoding': 'br' } })
      bytes += Number(compressed.headers['content-length'])
      const { text } = await get(path)
      waiting.push(...[...text.matchAll(/"\.\/([\w.-]+\.js)"/g)].map(([, name]) => `/console/assets/${name}`))
    }
    expect(seen.size).toBeGreaterThan(5)
    expect(bytes).toBeLessThan(FIRST_LOAD_MAX_BYTES)
  })
})

it('is not there without CONSOLE', async () => {
  const server = await serveTestApp({ servesConsole: false })
  for (const path of ['/console', '/console/orders', '/console/assets/main.js']) {
    expect((await rawCall(server.url + path)).status).toBe(404)
  }
  await server.close()
})
