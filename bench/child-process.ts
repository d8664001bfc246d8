import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const ROOT = new URL('..', import.meta.url).pathname

const START_LIMIT_MS = 30_000
const STOP_LIMIT_MS = 20_000
const LOG_TAIL_CHARS = 4_000

export type Env = Record<string, string>

/** A server in a process of its own. */
export type ServerProcess = {
  url: string
  pid: number
  /** Ends it in good order, and forgets its log. */
  stop: () => Promise<void>
}

const running = new Set<ChildProcess>()
const logDirs = new Set<string>()
let isEnding = false

/**
 * Starts `node <script>` and waits until it has written where it listens. What it writes goes to a file: logging stays
 * on, as in production, and nobody has to read it while the clock runs.
 *
 * @param script from the root of the project
 * @param env all of the environment but PATH and NODE_ENV=production
 * @param announcement finds the base URL in what it writes, as its first group
 */
export async function startServer(script: string, env: Env, announcement: RegExp): Promise<ServerProcess> {
  const logDir = await mkdtemp(join(tmpdir(), 'holdfast-bench-log-'))
  logDirs.add(logDir)
  const logFile = join(logDir, 'log')
  const log = await open(logFile, 'w')
  const child = start(script, [], env, ['ignore', log.fd, log.fd, 'ipc'])
  await log.close()
  // nothing is said to a server: the channel would only keep it from ending
  child.disconnect()
  const stop = async () => {
    await end(child, script)
    await removeLog(logDir)
  }
  try {
    const url = await waitForUrl(child, script, logFile, announcement)
    return { url, pid: child.pid!, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/**
 * Runs `node <script> <JSON of the options>` to its end.
 *
 * @returns what it sent to its parent
 * @throws what it wrote to standard error, where it ended without sending anything
 */
export async function runProcess<Result>(script: string, options: object, env: Env = {}): Promise<Result> {
  const child = start(script, [JSON.stringify(options)], env, ['ignore', 'inherit', 'pipe', 'ipc'])
  let result: Result | undefined
  let stderr = ''
  child.on('message', (message) => {
    result = message as Result
  })
  child.stderr!.setEncoding('utf8').on('data', (text) => {
    stderr += text
  })
  const [code, signal] = await once(child, 'close')
  if (code !== 0 || result === undefined)
    throw new Error(`${script} ended with ${code ?? signal}:\n${stderr}`)
  return result
}

/** Ends everything that was started here and still runs, by its pid, and lets nothing more start. */
export async function endProcesses(): Promise<void> {
  isEnding = true
  await Promise.all([...running].map((child) => end(child, 'a process').catch(() => {})))
  await Promise.all([...logDirs].map(removeLog))
}

async function removeLog(logDir: string): Promise<void> {
  await rm(logDir, { recursive: true, force: true })
  logDirs.delete(logDir)
}

function start(
  script: string,
  args: string[],
  env: Env,
  stdio: ('ignore' | 'inherit' | 'pipe' | 'ipc' | number)[],
) {
  if (isEnding) throw new Error('The benchmark is being stopped')
  const child = fork(join(ROOT, script), args, {
    cwd: ROOT,
    env: { PATH: process.env.PATH ?? '', NODE_ENV: 'production', ...env },
    stdio,
    execArgv: [],
  })
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}

async function waitForUrl(
  child: ChildProcess,
  script: string,
  logFile: string,
  announcement: RegExp,
): Promise<string> {
  for (const deadline = performance.now() + START_LIMIT_MS; ; ) {
    const text = await readFile(logFile, 'utf8')
    const url = announcement.exec(text)?.[1]
    if (url) return url
    if (hasEnded(child)) throw new Error(`${script} ended at its start:\n${text.slice(-LOG_TAIL_CHARS)}`)
    if (performance.now() > deadline) {
      throw new Error(`${script} does not listen after ${START_LIMIT_MS} ms:\n${text.slice(-LOG_TAIL_CHARS)}`)
    }
    await sleep(50)
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

async function end(child: ChildProcess, script: string): Promise<void> {
  if (hasEnded(child)) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const isLate = await Promise.race([ended.then(() => false), sleep(STOP_LIMIT_MS, true, { ref: false })])
  if (!isLate) return
  child.kill('SIGKILL')
  await ended
  throw new Error(`${script} did not stop within ${STOP_LIMIT_MS} ms`)
}
