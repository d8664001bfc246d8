import { chown, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { DatabaseError } from 'pg'
import { DATABASE_USER, type DataDirectory, hasCode, isAlive, openDataDirectory } from './data-directory.ts'
import { type OwnerLock, takeOwnerLock } from './owner-lock.ts'
import { runCommand } from './postgres-binaries.ts'

/** A running PostgreSQL that this process owns. */
export type EmbeddedPostgres = {
  /** For a superuser of the database `holdfast`. */
  url: string
  /** Stops the server and waits until it has ended; a second call waits for the first. */
  stop(): Promise<void>
}

type Settings = Record<string, string>
type Log = (line: string) => void
type Postmaster = { pid: number; port: number }

const SECOND = 1000

// after a crash PostgreSQL replays up to max_wal_size (1 GB) of its log before it takes connections
const START_LIMIT_S = 120

// a fast shutdown ends with a checkpoint, which writes up to shared_buffers (128 MB)
const STOP_LIMIT_S = 60

// pg_ctl keeps the limits above itself; one that outlives them by this much hangs
const PG_CTL_GRACE_MS = 10 * SECOND

// backends of a killed postmaster end within milliseconds, one in a long query at its next wait
const RETRY_LIMIT_MS = 30 * SECOND

// above the 100 ms at which pg_ctl looks whether its server is gone: a start that waits for the end of another
// process's server must not bring a new one up between two of those looks
const RETRY_DELAY_MS = 250

// the server makes postmaster.pid and writes it at once: one still empty after this was left by a crash
const EMPTY_PID_FILE_AGE_MS = 5 * SECOND

// how long a restart looks after the server: a stop of this process waits for it. One that replays its log comes later
const RESTART_WAIT_S = 2

// from the second restart in a row on; it doubles each time, and is short again after a server that ran for a while
const RESTART_DELAY_MIN_MS = 1 * SECOND
const RESTART_DELAY_MAX_MS = 30 * SECOND
const RAN_FOR_A_WHILE_MS = 60 * SECOND

const LOG_TAIL_LINES = 20
const LOG_TAIL_BYTES = 8192

// the log is put aside at a start when it is larger: two files of this size is all it takes
const LOG_SIZE_MAX_BYTES = 10 * 1024 * 1024

// what the server's log says of a start that may succeed when tried again
const TRANSIENT_START =
  /pre-existing shared memory block|lock file "postmaster.pid" (already exists|is empty)|Address already in use/

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
    const limitMs = hasCode(failure, '57P03') ? START_LIMIT_S * SECOND : RETRY_LIMIT_MS
    if (elapsedMs > limitMs) {
      throw await describe(directory, `did not start within ${Math.round(elapsedMs / SECOND)} s`, failure)
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
      if (failure) warn(`It did not start, and is tried again in ${delayMs / SECOND} s: ${failure.message}`)
    } catch (error) {
      // it may have been slow only
      if (await findPostmaster(directory).catch(() => undefined)) return
      warn(`It did not start, and is tried again in ${delayMs / SECOND} s: ${(error as Error).message}`)
    }
  }
}

/** An error that may pass is returned, any other thrown. */
async function startServer(
  directory: DataDirectory,
  { settings, port, limitS }: { settings: Settings; port: number; limitS: number },
): Promise<Error | undefined> {
  const { binaries, cluster, logFile, path, user } = directory
  await putAsideLargeLog(logFile)
  const logStart = await sizeBytes(logFile)
  const flags = {
    ...settings,
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
  }
  const serverOptions = Object.entries(flags).map(([name, value]) => `-c ${shellQuote(`${name}=${value}`)}`)
  const { code, output } = await runCommand(
    binaries.pg_ctl,
    [
      ...['start', '--wait', '--timeout', String(limitS), '--pgdata', cluster, '--log', logFile],
      ...['--options', serverOptions.join(' ')],
    ],
    { user, cwd: path, limitMs: limitS * SECOND + PG_CTL_GRACE_MS },
  )
  if (code === 0) return undefined
  const written = await readTail(logFile, logStart)
  if (TRANSIENT_START.test(written)) return new Error(written)
  throw await describe(directory, `did not start (pg_ctl ended with ${code})`, new Error(output.trim()))
}

/** Stops the server, but for one on another port: that was started by another process, after ours had ended. */
async function stopOwnServer(directory: DataDirectory, port: number): Promise<void> {
  const running = await findPostmaster(directory)
  if (running && running.port === port) await stopServer(directory)
}

async function stopServer(directory: DataDirectory): Promise<void> {
  const { binaries, cluster, path, user } = directory
  const { output } = await runCommand(
    binaries.pg_ctl,
    ['stop', '--mode', 'fast', '--wait', '--timeout', String(STOP_LIMIT_S), '--pgdata', cluster],
    { user, cwd: path, limitMs: STOP_LIMIT_S * SECOND + PG_CTL_GRACE_MS },
  )
  // pg_ctl fails as well where the server had ended before: that is what we want
  if (await findPostmaster(directory)) {
    throw await describe(directory, `did not stop within ${STOP_LIMIT_S} s`, new Error(output.trim()))
  }
}

/** The server that postmaster.pid names, if it lives. */
async function findPostmaster({ cluster }: DataDirectory): Promise<Postmaster | undefined> {
  const pidFile = join(cluster, 'postmaster.pid')
  const lines = await readFile(pidFile, 'utf8').then(
    (text) => text.split('\n'),
    (error) => {
      if (hasCode(error, 'ENOENT')) return undefined
      throw error
    },
  )
  if (!lines) return undefined
  const pid = Number(lines[0])
  if (!pid) {
    const { mtimeMs } = await stat(pidFile).catch(() => ({ mtimeMs: Date.now() }))
    if (Date.now() - mtimeMs > EMPTY_PID_FILE_AGE_MS) await rm(pidFile, { force: true })
    return undefined
  }
  if (!isAlive(pid)) return undefined
  if (await isOtherProgram(pid)) {
    // PostgreSQL looks only whether the pid exists, and would refuse to start beside it
    await rm(pidFile, { force: true })
    return undefined
  }
  return { pid, port: Number(lines[3]) }
}

/**
 * Whether the pid belongs to something else than a live server: in a container pids come again, and a killed
 * server stays a zombie where the first process does not collect its children. Known on Linux only.
 */
async function isOtherProgram(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  const [, program, state] = /\((.*)\) (\S)/s.exec(status) ?? []
  return state === 'Z' || (program !== undefined && program !== 'postgres')
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

/** pg_ctl hands its options to a shell. */
function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

async function describe({ path, logFile }: DataDirectory, what: string, cause: Error): Promise<Error> {
  const tail = await readTail(logFile, 0)
  return new Error(
    `The embedded PostgreSQL in ${path} ${what}: ${cause.message}\nThe end of ${logFile}:\n${tail || '(empty)'}`,
    { cause },
  )
}

/** The last lines of a file that were written after byte `from`. */
async function readTail(file: string, from: number): Promise<string> {
  const size = await sizeBytes(file)
  const start = Math.max(from, size - LOG_TAIL_BYTES)
  if (start >= size) return ''
  await using handle = await open(file)
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - start), 0, size - start, start)
  return buffer.toString('utf8', 0, bytesRead).trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n')
}

async function putAsideLargeLog(logFile: string): Promise<void> {
  if ((await sizeBytes(logFile)) > LOG_SIZE_MAX_BYTES) await rename(logFile, `${logFile}.1`)
}

async function sizeBytes(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  )
}
