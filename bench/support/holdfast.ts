import { findFreePort } from '../../test/support/free-port.ts'
import { type Env, startServer } from '../child-process.ts'

const MEMORY_REPORTER = new URL('memory-reporter.ts', import.meta.url).href

/** A program of this repository that runs beside the benchmark. Disposing of it ends it. */
export type Program = AsyncDisposable & { url: string; pid: number }

/** Memory of a process, in bytes: what it holds in main memory, and V8's heap in use. */
type Memory = { rss: number; heapUsed: number }

/** Starts `src/server.ts` on a free port and waits until it listens. Without ROLE it is API and worker in one. */
export async function startHoldfast(env: Env): Promise<Program> {
  const { url, pid, stop } = await startServer(
    'src/server.ts',
    // in production it starts only with authentication, which is no part of what the benchmark has ever measured
    { PORT: '0', SUPPLIER_URL: 'simulated', NODE_ENV: '', ...env },
    /Readiness:?\s+(http:\S+)\/health\/ready/,
  )
  return { url, pid, [Symbol.asyncDispose]: stop }
}

/** The same, with somebody inside who can be asked about memory. */
export async function startHoldfastWithMemory(env: Env) {
  const port = await findFreePort()
  const holdfast = await startHoldfast({
    ...env,
    NODE_OPTIONS: `--expose-gc --import=${MEMORY_REPORTER}`,
    MEMORY_REPORTER_PORT: String(port),
  })
  const ask = async (path: string) =>
    (await fetch(`http://127.0.0.1:${port}${path}`)).json() as Promise<Memory>
  return { ...holdfast, readMemory: () => ask('/'), collectAndReadMemory: () => ask('/after-gc') }
}

/** Starts the worker that reserves one order at a time. */
export async function startPerOrderWorker(databaseUrl: string): Promise<Program> {
  const { url, pid, stop } = await startServer(
    'bench/baseline/reserve-per-order.ts',
    { DATABASE_URL: databaseUrl },
    /(ready)/,
  )
  return { url, pid, [Symbol.asyncDispose]: stop }
}

/** Starts the server that takes each order in a transaction of its own. */
export function startStockYoga(databaseUrl: string): Promise<Program> {
  return startBaselineServer('stock-yoga', { DATABASE_URL: databaseUrl })
}

/** Starts Holdfast's own HTTP server with a mutation that does nothing. */
export function startNoopServer(): Promise<Program> {
  return startBaselineServer('noop-server', {})
}

async function startBaselineServer(name: string, env: Env): Promise<Program> {
  const { url, pid, stop } = await startServer(
    `bench/baseline/${name}.ts`,
    env,
    /listening at (http:[\w.:/]+)/,
  )
  return { url, pid, [Symbol.asyncDispose]: stop }
}
