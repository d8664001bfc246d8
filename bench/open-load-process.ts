// The load generator that does not wait. It is given an OpenLoad as JSON, and sends its parent an OpenLoadResult.
import { type HttpAnswer, HttpConnection } from './http-connection.ts'
import { encodeRequest } from './http-load.ts'
import type { OpenLoad, OpenLoadResult } from './open-load.ts'
import { skuNames } from './support/backlog.ts'
import { quantile } from './support/quantile.ts'

/** A request that takes longer has been lost. */
const STALL_LIMIT_S = 30

const load: OpenLoad = JSON.parse(process.argv[2]!)
/** One for each SKU. */
const requests = skuNames(load.skuCount ?? 1).map((sku) =>
  encodeRequest({ ...load, body: load.body.replace('"SKU-0"', JSON.stringify(sku)) }),
)
/** From one request to the next: coprime to round counts, so that all have their turn, and none beside its neighbour. */
const SKU_STRIDE = 7_919
const durationMs = (load.warmUpS + load.durationS) * 1000

/** A connection, with when the request that is under way was due. */
type Lane = { dueAt: number; connection: HttpConnection }

/** Lanes that are free. The one that has been free for longest goes first: the server closes one that says nothing. */
class IdleLanes {
  #lanes: Lane[] = []
  #taken = 0

  get isEmpty(): boolean {
    return this.#taken === this.#lanes.length
  }

  push(lane: Lane): void {
    this.#lanes.push(lane)
  }

  take(): Lane {
    const lane = this.#lanes[this.#taken++]!
    // now and then, for moving the rest costs as much as there are
    if (this.#taken > load.connections) {
      this.#lanes.splice(0, this.#taken)
      this.#taken = 0
    }
    return lane
  }
}

/** Resolves once every request has its answer. */
async function run(): Promise<void> {
  const idle = new IdleLanes()
  const acceptedMs: number[] = []
  const refusedMs: number[] = []
  const counts = { sent: 0, answered: 0, accepted: 0 }
  let startedAt = 0
  const dueAt = (index: number) => startedAt + (index * 1000) / load.perSecond

  const onAnswer = (lane: Lane, { status, head, body }: HttpAnswer) => {
    const isAccepted = status === load.status && body.includes(load.bodyIncludes)
    if (!isAccepted && !(status === load.refusalStatus && /\r\nretry-after: *\d/i.test(head))) {
      fail(`Neither accepted nor refused in good order: ${head}\n\n${body}`)
    }
    counts.answered++
    if (isAccepted) counts.accepted++
    const now = performance.now()
    if (now >= startedAt + load.warmUpS * 1000 && now < startedAt + durationMs) {
      ;(isAccepted ? acceptedMs : refusedMs).push(now - lane.dueAt)
    }
    idle.push(lane)
  }
  await Promise.all(Array.from({ length: load.connections }, async () => idle.push(await openLane(onAnswer))))

  startedAt = performance.now()
  const due = Math.floor((durationMs * load.perSecond) / 1000)
  const watchdog = setTimeout(
    () => fail(`There are requests without an answer after ${STALL_LIMIT_S} s`),
    durationMs + STALL_LIMIT_S * 1000,
  )
  while (counts.answered < due) {
    const now = performance.now()
    while (!idle.isEmpty && counts.sent < due && dueAt(counts.sent) <= now) {
      const lane = idle.take()
      lane.connection.send(requests[(counts.sent * SKU_STRIDE) % requests.length]!)
      lane.dueAt = dueAt(counts.sent++)
    }
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  clearTimeout(watchdog)
  const result: OpenLoadResult = {
    acceptedPerSecond: acceptedMs.length / load.durationS,
    refusedPerSecond: refusedMs.length / load.durationS,
    acceptedLatencyMs: summarize(acceptedMs),
    refusedLatencyMs: summarize(refusedMs),
    accepted: counts.accepted,
    refused: counts.answered - counts.accepted,
  }
  process.send?.(result, () => process.exit(0))
}

async function openLane(onAnswer: (lane: Lane, answer: HttpAnswer) => void): Promise<Lane> {
  const lane: Lane = {
    dueAt: 0,
    connection: await HttpConnection.open(new URL(load.url), {
      onAnswer: (answer) => onAnswer(lane, answer),
      onError: (error) => fail(error.message),
    }),
  }
  return lane
}

/** Zeros where there are none: JSON has no NaN. */
function summarize(latenciesMs: readonly number[]): { p50: number; p99: number } {
  if (latenciesMs.length === 0) return { p50: 0, p99: 0 }
  return { p50: quantile(latenciesMs, 0.5), p99: quantile(latenciesMs, 0.99) }
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}

await run()
