import type { IncomingMessage } from 'node:http'

/** What most calls send: nothing in it to rewrite. */
const CANONICAL = /^(?:\/[\w~-][\w.~-]*)+$|^\/$|^\*$/
const ABSOLUTE = /^https?:\/\/([^/?#]*)([^#]*)/i
/** RFC 3986 has these mean the same with and without percent-encoding. */
const UNRESERVED = /^[\w.~-]$/
/** The page there finds its parts relative to its own path. */
const FOLDERS = ['/docs/']

/**
 * Has a request's target in the one form that routes, guards and limits compare. HTTP allows many: a target that is a whole
 * URL, letters in percent-encoding, dot segments; and some clients double a slash or end with one. Where only some of those
 * who look at a path knew them all, another spelling would be a way around the others.
 *
 * A target that is a whole URL names the host as well, whatever the Host header says (RFC 9112, 3.2.2).
 */
export function takeCanonicalUrl(request: IncomingMessage): void {
  const { url = '/' } = request
  if (CANONICAL.test(url)) return
  const [, authority, rest] = ABSOLUTE.exec(url) ?? []
  if (authority !== undefined) request.headers.host = authority
  const target = rest ?? url
  const end = target.search(/[?#]/)
  const path = end === -1 ? target : target.slice(0, end)
  const search = end === -1 ? '' : target.slice(end)
  request.url = canonicalPath(path) + search
}

function canonicalPath(path: string): string {
  if (path === '*') return path
  const decoded = path.replaceAll(/%([\da-f]{2})/gi, (encoded, hex) => {
    const character = String.fromCharCode(Number.parseInt(hex, 16))
    return UNRESERVED.test(character) ? character : encoded
  })
  const segments: string[] = []
  for (const segment of decoded.split('/')) {
    if (segment === '..') segments.pop()
    else if (segment !== '' && segment !== '.') segments.push(segment)
  }
  const canonical = `/${segments.join('/')}`
  return FOLDERS.includes(`${canonical}/`) && decoded.endsWith('/') ? `${canonical}/` : canonical
}
