import { callNoted } from './connection.ts'
import { refuse, withToken } from './session.ts'

/** A REST call that was refused: its message is for people. */
export class RestError extends Error {
  override readonly name = 'RestError'
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/**
 * Calls the REST API, for files: GraphQL has none.
 *
 * @param init with a signal; a file may take longer than a query
 * @throws {RestError} where the server refuses it
 * @throws what `fetch` throws where there is no answer
 */
export async function callRest(path: string, init: RequestInit & { signal: AbortSignal }): Promise<Response> {
  const response = await callNoted(path, withToken(init))
  if (response.ok) return response
  const problem = (await response.json().catch(() => ({}))) as { code?: string; detail?: string }
  const { code = '', detail = `The server answered with status ${response.status}` } = problem
  if (response.status === 401) refuse(detail)
  throw new RestError(code, detail)
}

/** Saves a file that a call answers with: a link could send no token. */
export async function download(path: string, name: string, signal: AbortSignal): Promise<void> {
  const response = await callRest(path, { signal })
  saveFile(await response.blob(), name)
}

/** Gives the browser a file to save. */
export function saveFile(content: Blob, name: string): void {
  const url = URL.createObjectURL(content)
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  // the browser has begun to read it by then
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}
