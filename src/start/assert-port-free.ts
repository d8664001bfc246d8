import { once } from 'node:events'
import { createServer } from 'node:net'
import { StartError } from './start-error.ts'

const REASONS: Record<string, string> = {
  EADDRINUSE:
    'another program listens there, perhaps another Holdfast. Stop that, or set PORT to a free one (0 takes any)',
  EACCES: 'this user may not listen there. Set PORT to 1024 or above',
  EADDRNOTAVAIL: 'this machine has no such address. Set HOST to one that it has',
  ENOTFOUND: 'no such name is known. Set HOST to an address of this machine',
  EAI_AGAIN: 'the name cannot be looked up. Set HOST to an address of this machine',
}

/**
 * Listens for a moment, before anything else is started that would have to be stopped again.
 *
 * @throws {StartError} that says what is in the way, and what to set
 */
export async function assertPortFree(at: { host: string; port: number }): Promise<void> {
  const server = createServer()
  try {
    server.listen({ ...at, exclusive: true })
    await once(server, 'listening')
  } catch (error) {
    throw explainListen(error, at)
  }
  server.close()
  await once(server, 'close')
}

/** The same for an error of the server that is to stay. */
export function explainListen(error: unknown, { host, port }: { host: string; port: number }): unknown {
  const { code } = error as NodeJS.ErrnoException
  const reason = code === undefined ? undefined : REASONS[code]
  if (!reason) return error
  const at = `${host.includes(':') ? `[${host}]` : host}:${port}`
  return new StartError(`It cannot listen at ${at} (${code}): ${reason}.`, { cause: error })
}
