import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const SCRIPT = fileURLToPath(new URL('watcher-process.ts', import.meta.url))

/** Which orders of which server to watch, each by one watcher. */
export type WatchRequest = { url: string; ids: readonly string[] }

/** What the watchers' process says: latencies are of each order's first change, in ms from its time to its arrival. */
export type WatchReport =
  | { kind: 'watching' }
  | { kind: 'changed'; latenciesMs: number[] }
  | { kind: 'failed'; message: string }

/** Watchers in a process of their own. Disposing of them ends it. */
export type Watchers = AsyncDisposable & {
  /** Resolves once each watcher has seen one change, or after the limit, with as many latencies as changes were seen. */
  awaitChanges: (limitMs: number) => Promise<number[]>
}

/** Resolves once every order is watched and seen as it stands. @throws when a watcher's connection breaks */
export async function openWatchers(watchRequest: WatchRequest): Promise<Watchers> {
  const child = fork(SCRIPT, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const end = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
  }
  const failed = new Promise<never>((_resolve, reject) => {
    child.on('message', (report: WatchReport) => {
      if (report.kind === 'failed') reject(new Error(report.message))
    })
    child.once('exit', (code, signal) => reject(new Error(`The watchers ended with ${code ?? signal}`)))
  })
  // it may break at a moment when nobody waits, or be ended
  failed.catch(() => {})
  const receive = <Kind extends WatchReport['kind']>(kind: Kind) => {
    const received = new Promise<Extract<WatchReport, { kind: Kind }>>((resolve) => {
      child.on('message', (report: WatchReport) => {
        if (report.kind === kind) resolve(report as Extract<WatchReport, { kind: Kind }>)
      })
    })
    return Promise.race([received, failed])
  }
  const changed = receive('changed')
  changed.catch(() => {})
  child.send(watchRequest)
  try {
    await receive('watching')
  } catch (error) {
    await end()
    throw error
  }
  const awaitChanges = async (limitMs: number) => {
    const late = setTimeout(() => child.send('report'), limitMs)
    const { latenciesMs } = await changed
    clearTimeout(late)
    return latenciesMs
  }
  return { awaitChanges, [Symbol.asyncDispose]: end }
}
