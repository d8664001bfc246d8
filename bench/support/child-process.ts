import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const MEMORY_REPORTER = new URL('memory-reporter.ts', import.meta.url).href

/** A start migrates, which takes seconds on a busy machine. */
const START_LIMIT_MS = 60_000
const POLL_INTERVAL_MS = 20
/** Holdfast is gone 10 s after a SIGTERM at the latest. */
const STOP_LIMIT_MS = 15_000

/** A program that runs beside the benchmark, as it would beside its callers. Disposing of it ends it. */
export type Child = AsyncDisposable & { pid: number; process: ChildProcess }

/** A server of Holdfast, ready. */
export type Holdfast = Child & { url: string }

/**
 * Runs `node <script>` and waits until it writes `ready` on standard output.
 *
 * @param script relative to the repository
 * @param env all of its environment but PATH
 */
export async function startProgram(script: string, env: Record<string, string>): Promise<Child> {
  const child = follow([script], env, 'pipe')
  await untilReady(child, script, () => once(child.process.stdout!, 'data'))
  child.process.stdout!.resume()
  return child
}

/**
 * Starts `src/server.ts` on a free port and waits until it says that it is ready. Its log goes nowhere: to write it on
 * the disk that the database writes on would disturb what is measured.
 *
 * @param env its environment: DATABASE_URL, and ROLE, which is `all` otherwise
 * @param options.reportsMemory lets `readMemory` ask it what it holds, at the cost of V8's `--expose-gc`
 */
export async function startHoldfast(
  env: Record<string, string>,
  { reportsMemory = false } = {},
): Promise<Holdfast> {
  const port = await findFreePort()
  const flags = reportsMemory ? ['--expose-gc', `--import=${MEMORY_REPORTER}`] : []
  const child = follow([...flags, 'src/server.ts'], { PORT: String(port), ...env }, 'ignore')
  const url = `http://127.0.0.1:${port}`
  await untilReady(child, 'src/server.ts', async () => {
    while (!(await isReady(url))) await sleep(POLL_INTERVAL_MS)
  })
  return { ...child, url }
}

/** Memory of a process in bytes: what it holds in main memory, and of that V8's heap. */
export type Memory = { rss: number; heap: number }

/** Asks a server that was started with `reportsMemory`. @param collects whether garbage is collected first */
export async function readMemory({ process }: Child, { collects = false } = {}): Promise<Memory> {
  const answer = once(process, 'message')
  process.send({ collects })
  const [memory] = await answer
  return memory as Memory
}

function follow(args: string[], env: Record<string, string>, stdout: 'pipe' | 'ignore'): Child {
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', stdout, 'inherit', 'ipc'],
  })
  return { pid: child.pid!, process: child, [Symbol.asyncDispose]: () => end(child) }
}

async function untilReady(child: Child, name: string, ready: () => Promise<unknown>): Promise<void> {
  const ended = once(child.process, 'exit').then(([code, signal]) => {
    throw new Error(`${name} ended with ${code ?? signal}`)
  })
  const late = sleep(START_LIMIT_MS, undefined, { ref: false }).then(() => {
    throw new Error(`${name} was not ready in ${START_LIMIT_MS} ms`)
  })
  // it may end, and time runs out, at any moment later
  for (const never of [ended, late]) never.catch(() => {})
  try {
    await Promise.race([ready(), ended, late])
  } catch (error) {
    await end(child.process)
    throw error
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS)
  await exit
  clearTimeout(timer)
}

async function isReady(url: string): Promise<boolean> {
  return fetch(`${url}/health/ready`).then(
    (response) => response.ok,
    () => false,
  )
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' ? address!.port : 0
}
