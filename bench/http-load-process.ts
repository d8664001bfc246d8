// The load generator. It is given an HttpLoad as JSON, and sends its parent a LoadResult.
import { HttpConnection } from './http-connection.ts'
import { encodeRequest, type HttpLoad } from './http-load.ts'
import { LoadRecorder } from './load-recorder.ts'

/** A request that takes longer has been lost. */
const STALL_LIMIT_S = 30

const load: HttpLoad = JSON.parse(process.argv[2]!)
const url = new URL(load.url)
const request = encodeRequest(load)

/** Resolves once every connection has had its last answer. */
async function run(): Promise<void> {
  const lanes = await Promise.all(Array.from({ length: load.connections }, openLane))
  const watchdog = setTimeout(
    () => fail(`There are requests without an answer after ${STALL_LIMIT_S} s`),
    (load.warmUpS + load.durationS + STALL_LIMIT_S) * 1000,
  )
  const recorder = new LoadRecorder(load)
  await Promise.all(lanes.map((lane) => lane.run(recorder)))
  clearTimeout(watchdog)
  process.send?.(recorder.result())
  process.disconnect?.()
}

/** A connection, and how to keep it busy until the recorder has enough. */
async function openLane() {
  let isDone = false
  let onAnswered = () => {}
  const connection = await HttpConnection.open(url, {
    onAnswer: ({ status, body }) => {
      if (status !== load.status || !body.includes(load.bodyIncludes)) {
        fail(`Expected ${load.status} with ${load.bodyIncludes}, was answered ${status}: ${body}`)
      }
      onAnswered()
    },
    onError: (error) => {
      if (!isDone) fail(error.message)
    },
  })
  const run = (recorder: LoadRecorder) =>
    new Promise<void>((resolve) => {
      let sentAt = performance.now()
      onAnswered = () => {
        if (recorder.record(sentAt)) {
          sentAt = performance.now()
          connection.send(request)
          return
        }
        isDone = true
        connection.close()
        resolve()
      }
      connection.send(request)
    })
  return { run }
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}

await run()
