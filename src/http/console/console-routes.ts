import type { FastifyPluginAsync } from 'fastify'
import { ProblemError } from '../rest/problem.ts'
import { type Asset, readConsoleFiles } from './console-files.ts'

const CONSOLE_PATH = '/console'
const ASSETS_PATH = `${CONSOLE_PATH}/assets`

/** The page runs this server's scripts alone, calls this server alone, and stands in no other page. */
const CONSOLE_POLICY = [
  "default-src 'self'",
  // its icon
  "img-src 'self' data:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** An asset's name changes with what is in it. */
const FOR_EVER = 'public, max-age=31536000, immutable'

/** Whether a request is for a page of the console, or a part of one. */
export function isConsolePath(url = ''): boolean {
  return url.startsWith(CONSOLE_PATH) && /^[/?]?$/.test(url.charAt(CONSOLE_PATH.length))
}

/**
 * Serves the console: its assets, and its one page at every other address below /console, which the page itself reads. Whoever
 * opens it gets no data by it: that comes from the API, as for any other client.
 *
 * All of it is held in memory, some 300 kB: a newer build beside a running server must not take away what its page names.
 *
 * @throws where it is not built
 */
export async function consoleRoutes(): Promise<FastifyPluginAsync> {
  const { page, assets } = await readConsoleFiles()
  return async (fastify) => {
    for (const url of [CONSOLE_PATH, `${CONSOLE_PATH}/*`]) {
      fastify.get(url, { schema: { hide: true } }, (_request, reply) =>
        reply
          .headers({
            'content-security-policy': CONSOLE_POLICY,
            'content-type': 'text/html; charset=utf-8',
            'cache-control': 'no-cache',
          })
          .send(page),
      )
    }
    fastify.get<{ Params: { name: string } }>(
      `${ASSETS_PATH}/:name`,
      { schema: { hide: true } },
      (request, reply) => {
        const asset = assets.get(request.params.name)
        if (!asset) throw new ProblemError('NOT_FOUND')
        const { encoding, body } = smallestOf(asset, request.headers['accept-encoding'])
        if (encoding) reply.header('content-encoding', encoding)
        const vary = reply.raw.getHeader('vary')
        return reply
          .headers({
            'content-type': asset.type,
            'cache-control': FOR_EVER,
            vary: vary === undefined ? 'accept-encoding' : `${vary}, accept-encoding`,
          })
          .send(body)
      },
    )
  }
}

/** Returns the smallest form of an asset that a browser takes. */
function smallestOf(asset: Asset, accepted = ''): { encoding?: string; body: Buffer } {
  const encodings = accepted
    .toLowerCase()
    .split(',')
    .map((encoding) => encoding.trim())
  const takes = (name: string) =>
    encodings.some(
      (encoding) => encoding === name || new RegExp(`^${name} *;(?! *q=0(\\.0*)?$)`).test(encoding),
    )
  if (takes('br')) return { encoding: 'br', body: asset.brotli }
  if (takes('gzip')) return { encoding: 'gzip', body: asset.gzip }
  return { body: asset.plain }
}
