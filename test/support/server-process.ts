import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { startEmbeddedPostgres } from '../../src/embedded-postgres/embedded-postgres.ts'
import { assertInvariants } from './assert-invariants.ts'
import { query } from './create-database.ts'
import { eventually } from './harness.ts'

const ROOT = new URL('../..', import.meta.url).pathname

/** The first start makes a cluster, in 5 s on an idle machine. */
const START_LIMIT_MS = 100_000
/** Whoever stops a process kills it after this. */
export const STOP_LIMIT_MS = 10_000

export type Env = Record<string, string>

/** How a process ended, and what it wrote. */
type Ended = { code: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string }

export type Running = {
  pid: number
  /** What it has written to standard output so far. */
  stdout(): string
  /** Resolves when it has ended, however that came about. */
  ended: Promise<Ended>
  /** Sends a signal, to this process alone, and waits for its end. */
  end(signal: NodeJS.Signals): Promise<Ended>
}

/** A server that answers, and where. */
export type RunningServer = Running & { url: string }

/**
 * Starts programs of Holdfast as processes of their own, on data directories of their own, and in the end stops what
 * still runs of them.
 */
export class Processes {
  readonly #running = new Set<Running>()
  readonly #dataDirs: string[] = []

  /** A folder for an embedded database, which is stopped and deleted in the end. */
  async makeDataDir(): Promise<string> {
    const dataDir = await mkdtemp(join(tmpdir(), 'holdfast-server-'))
    this.#dataDirs.push(dataDir)
    return dataDir
  }

  /**
   * Runs `node <script> <args>`.
   *
   * @param env all of the environment but PATH: nothing of the tests' own gets through
   */
  run(script: string, env: Env = {}, args: readonly string[] = []): Running {
    const child = spawn(process.execPath, [script, ...args], {
      cwd: ROOT,
      // what is deprecated is written to standard error: with the place, so that a test that fails by it says where
      env: { PATH: process.env.PATH ?? '', NODE_OPTIONS: '--trace-deprecation', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const running = follow(child)
    this.#running.add(running)
    running.ended.then(() => this.#running.delete(running))
    return running
  }

  /** Starts the server, on a free port unless `env` has one, and waits until it says where it listens. */
  async startServer(env: Env): Promise<RunningServer> {
    const running = this.run('src/server.ts', { PORT: '0', ...env })
    const ended = running.ended.then(({ code, signal, stdout, stderr }) => {
      throw new Error(`The server ended with ${code ?? signal}:\n${stdout}\n${stderr}`)
    })
    // it may end at any time later, as it should
    ended.catch(() => {})
    const readUrl = () => /(http:\S+)\/health\/ready/.exec(running.stdout())?.[1]
    const url = await Promise.race([eventually(readUrl, START_LIMIT_MS), ended])
    return { ...running, url: url! }
  }

  /** Ends what was started here and still runs, by its pids, and checks the invariants of the databases that it made. */
  async end(): Promise<void> {
    await Promise.all([...this.#running].map((running) => running.end('SIGKILL')))
    for (const dataDir of this.#dataDirs.splice(0)) {
      try {
        await checkInvariants(dataDir)
      } finally {
        await endPostgres(dataDir)
        await rm(dataDir, { recursive: true, force: true })
      }
    }
  }
}

/** Checks the invariants in what a test leaves in a data directory. The database is started where it is down. */
async function checkInvariants(dataDir: string): Promise<void> {
  // a server that never came to write anything leaves no cluster
  if (!existsSync(join(dataDir, 'postgres/PG_VERSION'))) return
  const { url, stop } = await startEmbeddedPostgres({ dataDir })
  try {
    const [found] = await query(url, `select to_regclass('orders') is not null as "hasTables"`)
    if (found.hasTables) await assertInvariants(url)
  } finally {
    await stop()
  }
}

/** The pid of the embedded PostgreSQL of a data directory. */
export async function readPostgresPid(dataDir: string): Promise<number> {
  return Number.parseInt(await readFile(join(dataDir, 'postgres/postmaster.pid'), 'utf8'), 10)
}

/** Kills the embedded PostgreSQL of a data directory, where one runs, and waits until it is gone. */
export async function endPostgres(dataDir: string): Promise<void> {
  const pid = await readPostgresPid(dataDir).catch(() => undefined)
  if (pid === undefined || !(await isPostgres(pid))) return
  process.kill(pid, 'SIGKILL')
  await eventually(async () => !(await isPostgres(pid)))
}

/** A pid in a file may belong to something else by now. Known on Linux; elsewhere it counts as the database's. */
async function isPostgres(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '(postgres) S')
  return /\(postgres\) [^Z]/.test(stat)
}

function follow(child: ChildProcessByStdio<null, Readable, Readable>): Running {
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text
  })
  // 'close' and not 'exit': all that it wrote has arrived by then
  const ended = once(child, 'close').then(([code, signal]): Ended => ({ code, signal, stdout, stderr }))
  return {
    pid: child.pid!,
    stdout: () => stdout,
    ended,
    end: (signal) => {
      child.kill(signal)
      return ended
    },
  }
}
