import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const SCRIPT = fileURLToPath(new URL('stock-stream-process.ts', import.meta.url))

/** Which streams of which server to open: one for each, of one SKU or of all, by GraphQL or REST in turns. */
export type StreamsRequest = { url: string; skus: readonly (string | null)[] }

/** A change that the streams are to receive, and when its commit was answered, in ms since 1970. */
export type ExpectedChange = { id: number; sku: string; committedAtMs: number }

/** What the streams' process is sent once all changes are made. */
export type StreamsQuestion = { expected: readonly ExpectedChange[]; limitMs: number }

/** What it says. `wrong` are streams that did not receive each of their changes once, in the order of the ledger. */
export type StreamsReport =
  | { kind: 'open' }
  | { kind: 'received'; wrong: number; received: number; p50Ms: number; p99Ms: number }
  | { kind: 'failed'; message: string }

type StreamsResult = Omit<Extract<StreamsReport, { kind: 'received' }>, 'kind'>

/** Streams in a process of their own. Disposing of them ends it. */
export type StockStreams = AsyncDisposable & {
  /** Waits until every stream has received all that it is to, or for the limit. */
  check: (question: StreamsQuestion) => Promise<StreamsResult>
}

/** Resolves once every stream is open. @throws when one of them breaks */
export async function openStockStreams(request: StreamsRequest): Promise<StockStreams> {
  const child = fork(SCRIPT, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const end = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
  }
  const reports = new Map<StreamsReport['kind'], PromiseWithResolvers<StreamsReport>>(
    (['open', 'received', 'failed'] as const).map((kind) => [kind, Promise.withResolvers<StreamsReport>()]),
  )
  child.on('message', (report: StreamsReport) => reports.get(report.kind)!.resolve(report))
  const failed = Promise.race([
    reports.get('failed')!.promise.then((report) => {
      throw new Error((report as { message: string }).message)
    }),
    once(child, 'exit').then(([code, signal]) => {
      throw new Error(`The streams ended with ${code ?? signal}`)
    }),
  ])
  // it may break at a moment when nobody waits, or be ended
  failed.catch(() => {})
  try {
    child.send(request)
    await Promise.race([reports.get('open')!.promise, failed])
  } catch (error) {
    await end()
    throw error
  }
  const check = async (question: StreamsQuestion) => {
    child.send(question)
    return (await Promise.race([reports.get('received')!.promise, failed])) as StreamsResult
  }
  return { check, [Symbol.asyncDispose]: end }
}
