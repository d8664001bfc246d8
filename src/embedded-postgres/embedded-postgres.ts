import { chown, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { DatabaseError } from 'pg'
import {
  DATABASE_USER,
  type DataDirectory,
  hasCode,
  openDataDirectory,
  removeOtherPrograms,
} from './data-directory.ts'
import { type OwnerLock, takeOwnerLock } from './owner-lock.ts'
import { describe, findPostmaster, type Settings, startServer, stopServer } from './postgres-server.ts'

export type EmbeddedPostgres = {
  /** For a superuser of the database `holdfast`. */
  url: string
  /** Stops the server and waits until it has ended; a second call waits for the first. */
  stop(): Promise<void>
}

type Log = (line: string) => void

// after a crash PostgreSQL replays up to max_wal_size (1 GB) of its log before it takes connections
const START_LIMIT_S = 120

// backends of a killed postmaster end within milliseconds, one in a long query at its next wait
const RETRY_LIMIT_MS = 30_000

// above the 100 ms at which pg_ctl looks whether its server is gone: a start that waits for the end of another
// process's server must not bring a new one up between two of those looks
const RETRY_DELAY_MS = 250

// how long a restart looks after the server: a stop of this process waits for it. One that replays its log comes later
const RESTART_WAIT_S = 2

// from the second restart in a row on; it doubles each time, and is short again after a server that ran for a while
const RESTART_DELAY_MIN_MS = 1_000
const RESTART_DELAY_MAX_MS = 30_000
const RAN_FOR_A_WHILE_MS = 60_000

// the server is coming up, going down, or was a moment ago
const TRANSIENT_CONNECT = ['ECONNREFUSED', 'ECONNRESET', '57P01', '57P02', '57P03']
const TRANSIENT_CONNECT_MESSAGE = /Connection terminated|timeout/

/**
 * Starts (or adopts) the PostgreSQL that lives in `dataDir`.
 *
 * The server is detached: it outlives a killed owner, and the next start adopts it as it runs. `settings` are
 * PostgreSQL settings by name, used where the server has to be started. With `restarts` a server that ends while it is
 * owned is started again, on the same port. `warn` gets what happens to it meanwhile. Throws where another process
 * owns the database (with its pid), or where the server does not start (with the end of its log).
 */
export async function startEmbeddedPostgres(options: {
  dataDir: string
  settings?: Settings
  restarts?: boolean
  log?: Log
  warn?: Log
}): Promise<EmbeddedPostgres> {
  const { settings = {}, restarts = false, log = () => {}, warn = log } = options
  const directory = await openDataDirectory(options.dataDir, log)
  const { port, lock } = await startAsOwner(directory, { settings, restarts, log, warn })
  await keepPort(directory, port).catch((error) => log(`The next start may choose another port: ${error}`))
  let stopped: Promise<void> | undefined
  return {
    url: `postgresql://${DATABASE_USER}:${directory.password}@127.0.0.1:${port}/holdfast`,
    stop() {
      stopped ??= lock.releaseAfter(() => stopOwnServer(directory, port))
      return stopped
    },
  }
}

type StartOptions = { settings: Settings; restarts: boolean; log: Log; warn: Log }

async function startAsOwner(directory: DataDirectory, options: StartOptions) {
  const startedAt = performance.now()
  for (;;) {
    const failure = await tryStartAsOwner(directory, options)
    if (!(failure instanceof Error)) return failure
    const elapsedMs = performance.now() - startedAt
    // while a server replays its log after a crash it refuses connections, for as long as a start may take
    const limitMs = hasCode(failure, '57P03') ? START_LIMIT_S * 1_000 : RETRY_LIMIT_MS
    if (elapsedMs > limitMs) {
      throw await describe(directory, `did not start within ${Math.round(elapsedMs / 1_000)} s`, failure)
    }
    await delay(RETRY_DELAY_MS)
  }
}

/** The lock and the port of the running server, or an error that may pass; throws one that will not. */
async function tryStartAsOwner(
  directory: DataDirectory,
  { settings, restarts, log, warn }: StartOptions,
): Promise<{ port: number; lock: OwnerLock } | Error> {
  const running = await findPostmaster(directory)
  if (!running) {
    const port = await choosePort(directory.portFile)
    const failure = await startServer(directory, { settings, port, limitS: START_LIMIT_S })
    if (failure) return failure
  }
  const server = await findPostmaster(directory)
  if (!server) return new Error('The server ended as soon as it had started')
  try {
    const { password, path } = directory
    const { port } = server
    const onAway = restarts ? createRestarter(directory, { settings, port, warn }) : undefined
    const lock = await takeOwnerLock({ port, password, dataDir: path, warn, onAway })
    // the server of a killed owner may be of another version
    if (!running) await removeOtherPrograms(directory)
    log(`${running ? 'Adopted the running' : 'Started'} PostgreSQL (pid ${server.pid}, port ${port})`)
    return { port, lock }
  } catch (error) {
    if (error instanceof Error && isTransient(error)) return error
    if (!(error instanceof DatabaseError)) throw error
    if (!running) await stopServer(directory)
    throw await describe(directory, 'refused its owner', error)
  }
}

function isTransient(error: Error): boolean {
  return hasCode(error, ...TRANSIENT_CONNECT) || TRANSIENT_CONNECT_MESSAGE.test(error.message)
}

/**
 * Starts the server again where it has ended, and leaves one alone that runs: it comes up, replays its log, or is
 * another process's. Called as often as one likes; it keeps to a pace, and never throws.
 */
function createRestarter(
  directory: DataDirectory,
  { settings, port, warn }: { settings: Settings; port: number; warn: Log },
): () => Promise<void> {
  let triedAtMs = Number.NEGATIVE_INFINITY
  let delayMs = 0
  return async () => {
    try {
      if (await findPostmaster(directory)) return
      const sinceMs = performance.now() - triedAtMs
      if (sinceMs < delayMs) return
      const isInARow = sinceMs < RAN_FOR_A_WHILE_MS
      delayMs = isInARow ? Math.min(delayMs * 2, RESTART_DELAY_MAX_MS) : RESTART_DELAY_MIN_MS
      triedAtMs = performance.now()
      warn(`The embedded PostgreSQL in ${directory.path} has ended; starting it again`)
      const failure = await startServer(directory, { settings, port, limitS: RESTART_WAIT_S })
      if (failure) warn(`It did not start, and is tried again in ${delayMs / 1_000} s: ${failure.message}`)
    } catch (error) {
      // it may have been slow only
      if (await findPostmaster(directory).catch(() => undefined)) return
      warn(`It did not start, and is tried again in ${delayMs / 1_000} s: ${(error as Error).message}`)
    }
  }
}

/** Stops the server, but for one on another port: that was started by another process, after ours had ended. */
async function stopOwnServer(directory: DataDirectory, port: number): Promise<void> {
  const running = await findPostmaster(directory)
  if (running && running.port === port) await stopServer(directory)
}

/** The port of the last time, so that addresses stay the same, or another where that one is taken. */
async function choosePort(portFile: string): Promise<number> {
  const last = Number(await readFile(portFile, 'utf8').catch(() => ''))
  const isPort = Number.isInteger(last) && last > 0 && last < 65_536
  return (isPort && (await tryListen(last))) || (await tryListen(0))!
}

async function keepPort({ portFile, user }: DataDirectory, port: number): Promise<void> {
  await writeFile(portFile, `${port}\n`)
  if (user) await chown(portFile, user.uid, user.gid)
}

/** The port listened on for a moment (0 lets the system choose), or undefined where it is taken. */
async function tryListen(port: number): Promise<number | undefined> {
  const server = createServer()
  return new Promise((resolve, reject) => {
    server.once('error', (error) => (port === 0 ? reject(error) : resolve(undefined)))
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' ? address?.port : undefined))
    })
  })
}
