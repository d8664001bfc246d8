import { once } from 'node:events'
import { createServer } from 'node:net'
import { StartError } from './start-error.ts'

const LISTEN_FAILURES: Record<string, string> = {
  EADDRINUSE:
    'another program listens there, perhaps another Holdfast. Stop that, or set PORT to a free one (0 takes any)',
  EACCES: 'this user may not listen there. Set PORT to 1024 or above',
  EADDRNOTAVAIL: 'this machine has no such address. Set HOST to one that it has',
  ENOTFOUND: 'no such name is known. Set HOST to an address of this machine',
  EAI_AGAIN: 'the name cannot be looked up. Set HOST to an address of this machine',
}

/**
 * Checks that the port is free, before anything else starts.
 *
 * @throws {StartError} that says what is wrong, and what to set
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

/** Explains an error of a server that cannot listen: a StartError if we know the cause, else the error itself. */
export function explainListen(error: unknown, { host, port }: { host: string; port: number }): unknown {
  const { code } = error as NodeJS.ErrnoException
  const reason = code === undefined ? undefined : LISTEN_FAILURES[code]
  if (!reason) return error
  const at = `${host.includes(':') ? `[${host}]` : host}:${port}`
  return new StartError(`It cannot listen at ${at} (${code}): ${reason}.`, { cause: error })
}
