import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { findFreePort } from './free-port.ts'
import { eventually, isOpen } from './harness.ts'

/** A Redis of the test's own, which keeps nothing on disk. */
export type TestRedis = { url: string; port: string; process: ChildProcess; end: () => Promise<void> }

/** Whether Debian's `redis-server`, or another, is on the PATH. */
export function hasRedis(): boolean {
  try {
    execFileSync('redis-server', ['--version'])
    return true
  } catch {
    return false
  }
}

/** Starts a Redis and waits until it takes connections. */
export async function startRedis(onPort?: string): Promise<TestRedis> {
  const port = onPort ?? (await findFreePort())
  const args = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
  const child = spawn('redis-server', args, { stdio: 'ignore' })
  const ended = once(child, 'exit')
  await eventually(() => isOpen(port))
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    process: child,
    end: async () => {
      // a stopped one would not hear anything gentler
      child.kill('SIGKILL')
      await ended
    },
  }
}
