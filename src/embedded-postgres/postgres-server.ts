import { open, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type DataDirectory, hasCode, isAlive } from './data-directory.ts'
import { runCommand } from './postgres-binaries.ts'

export type Settings = Record<string, string>
type Postmaster = { pid: number; port: number }

// a fast shutdown ends with a checkpoint, which writes up to shared_buffers (128 MB)
const STOP_LIMIT_S = 60

// pg_ctl keeps the limits above itself; one that outlives them by this much hangs
const PG_CTL_GRACE_MS = 10_000

// the server makes postmaster.pid and writes it at once: one still empty after this was left by a crash
const EMPTY_PID_FILE_AGE_MS = 5_000

const LOG_TAIL_LINES = 20
const LOG_TAIL_BYTES = 8192

// the log is put aside at a start when it is larger: two files of this size is all it takes
const LOG_SIZE_MAX_BYTES = 10 * 1024 * 1024

// what the server's log says of a start that may succeed when tried again
const TRANSIENT_START =
  /pre-existing shared memory block|lock file "postmaster.pid" (already exists|is empty)|Address already in use/

/** Starts the server and waits for it. An error that may pass is returned, any other thrown. */
export async function startServer(
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
    { user, cwd: path, limitMs: limitS * 1_000 + PG_CTL_GRACE_MS },
  )
  if (code === 0) return undefined
  const written = await readTail(logFile, logStart)
  if (TRANSIENT_START.test(written)) return new Error(written)
  throw await describe(directory, `did not start (pg_ctl ended with ${code})`, new Error(output.trim()))
}

/** Stops the server and waits until it has ended; one that had ended before is as good. */
export async function stopServer(directory: DataDirectory): Promise<void> {
  const { binaries, cluster, path, user } = directory
  const { output } = await runCommand(
    binaries.pg_ctl,
    ['stop', '--mode', 'fast', '--wait', '--timeout', String(STOP_LIMIT_S), '--pgdata', cluster],
    { user, cwd: path, limitMs: STOP_LIMIT_S * 1_000 + PG_CTL_GRACE_MS },
  )
  // pg_ctl fails as well where the server had ended before: that is what we want
  if (await findPostmaster(directory)) {
    throw await describe(directory, `did not stop within ${STOP_LIMIT_S} s`, new Error(output.trim()))
  }
}

/** The server that postmaster.pid names, if it lives. */
export async function findPostmaster({ cluster }: DataDirectory): Promise<Postmaster | undefined> {
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

/** pg_ctl hands its options to a shell. */
function shellQuote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/** What happened to the server, with the end of its log. */
export async function describe({ path, logFile }: DataDirectory, what: string, cause: Error): Promise<Error> {
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
