import { readConfig } from '../config/read-config.ts'

/** Where a server is, and the Authorization header by which to call it, where it takes one. */
export type ServerAddress = { url: string; authorization: string }

/** Finds the server that a program calls: by HOST and PORT, as the server itself, with HOLDFAST_TOKEN. */
export function findServer(env: Record<string, string | undefined> = process.env): ServerAddress {
  // where the server is, and nothing else that a server needs
  const { host: localHost, port } = readConfig({ PORT: env.PORT })
  const host = env.HOST || localHost
  const { HOLDFAST_TOKEN: token = '' } = env
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    authorization: token && `Bearer ${token}`,
  }
}

/** A call that did not go as it was meant to: its message is for people. */
export class CallFailedError extends Error {
  override readonly name = 'CallFailedError'
}

const HINTS: Record<string, string> = {
  UNAUTHENTICATED: '. HOLDFAST_TOKEN takes a token, such as `npm run token` makes',
  FORBIDDEN: '. HOLDFAST_TOKEN takes the token of an operator',
}

/**
 * Calls a server by REST.
 *
 * @throws {CallFailedError} that says what is wrong, where the answer is no success
 */
export async function callRest(
  { url, authorization }: ServerAddress,
  path: string,
  init: RequestInit = {},
): Promise<Response> {
  const headers = { ...init.headers, ...(authorization && { authorization }) }
  const response = await fetch(url + path, { ...init, headers }).catch((cause) => {
    const hint = 'Is the server running there? HOST and PORT say where it is'
    throw new CallFailedError(`Nothing answers at ${url}. ${hint}`, { cause })
  })
  if (response.ok) return response
  const problem = (await response.json().catch(() => ({}))) as { detail?: string; code?: string }
  const detail = problem.detail ?? `${response.status} ${response.statusText}`
  throw new CallFailedError(`${detail}${HINTS[problem.code ?? ''] ?? ''}`)
}
