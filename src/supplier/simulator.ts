import { createHash } from 'node:crypto'
import type { FastifyPluginAsync } from 'fastify'
import { type ReserveAnswerBody, reserveRequestSchema, type StatusAnswerBody } from './contract.ts'

const behaviours = ['ok', 'fail', 'delayed', 'late', 'refused', 'down', 'flaky'] as const
type Behaviour = (typeof behaviours)[number]

/** References whose calls are counted, the least recently used forgotten first; some 20 MB when full. */
const countedRefsMax = 100_000
const bodyBytesMax = 64 * 1024

/**
 * A supplier for development and tests: `POST /supplier/reserve` and `GET /supplier/status/:ref`.
 *
 * The SKU's part after its last `-` decides: OK, FAIL, DELAYED (for ever), LATE (delayed once, then ok),
 * REFUSED, DOWN (503 always), FLAKY (of the calls of a reservation to either path every odd one 503, so the first
 * fails); any other SKU is ok. A reservation is what one Idempotency-Key is of, or one order where there is no key; what it
 * meets does not depend on others. A body that is no
 * reservation is answered 400, a reference that was not made here 404.
 *
 * A reference carries its behaviour and key, so it needs no memory. Only LATE and FLAKY count calls, per
 * registration of the plugin and in memory: after a restart LATE says `delayed` once more and FLAKY fails
 * once more, and then both end as before.
 */
export const supplierSimulator: FastifyPluginAsync = async (fastify) => {
  const countCall = createCounter(countedRefsMax)
  const isDown = (behaviour: Behaviour, ref: string) =>
    behaviour === 'down' || (behaviour === 'flaky' && countCall(ref) % 2 === 1)

  fastify.post('/supplier/reserve', { bodyLimit: bodyBytesMax }, async (request, reply) => {
    const body = reserveRequestSchema.safeParse(request.body)
    if (!body.success) return reply.code(400).send({ error: 'not a reservation: order_id, sku, qty' })
    const behaviour = behaviourOf(body.data.sku)
    const { 'idempotency-key': key = body.data.order_id } = request.headers
    const ref = makeRef(behaviour, String(key))
    if (isDown(behaviour, ref)) return reply.code(503).send({ error: 'down' })
    const answer: ReserveAnswerBody = behaviour === 'refused' ? { accepted: false } : { accepted: true, ref }
    return answer
  })

  // no HEAD beside it: it would count as a call
  const statusOptions = { exposeHeadRoute: false }
  fastify.get<{ Params: { ref: string } }>('/supplier/status/:ref', statusOptions, async (request, reply) => {
    const { ref } = request.params
    const behaviour = readRef(ref)
    if (!behaviour) return reply.code(404).send({ error: 'unknown reference' })
    if (isDown(behaviour, ref)) return reply.code(503).send({ error: 'down' })
    const answer: StatusAnswerBody = { status: statusOf(behaviour, () => countCall(ref)) }
    return answer
  })
}

function statusOf(behaviour: Behaviour, countCall: () => number): StatusAnswerBody['status'] {
  if (behaviour === 'late') return countCall() === 1 ? 'delayed' : 'ok'
  if (behaviour === 'fail' || behaviour === 'delayed') return behaviour
  return 'ok'
}

function behaviourOf(sku: string): Behaviour {
  const dash = sku.lastIndexOf('-')
  const suffix = dash === -1 ? '' : sku.slice(dash + 1)
  return behaviours.find((behaviour) => behaviour.toUpperCase() === suffix) ?? 'ok'
}

/**
 * `late-<key>`: the same for every call of a reservation. A key that a path would not carry as it is, or too
 * long for one of Fastify's parameters (100 characters), is replaced by its hash.
 */
function makeRef(behaviour: Behaviour, key: string): string {
  const isPlain = /^[\w:-]{1,64}$/.test(key)
  const name = isPlain ? key : createHash('sha256').update(key).digest('base64url')
  return `${behaviour}-${name}`
}

function readRef(ref: string): Behaviour | undefined {
  return behaviours.find((behaviour) => ref.startsWith(`${behaviour}-`))
}

/** Counts calls by key, from 1; bounded by forgetting the key that was not called for the longest time. */
function createCounter(keysMax: number): (key: string) => number {
  const counts = new Map<string, number>()
  return (key) => {
    const count = (counts.get(key) ?? 0) + 1
    // deleted first, so that a Map, which keeps the order of insertion, has the least recently used in front
    counts.delete(key)
    counts.set(key, count)
    if (counts.size > keysMax) for (const oldest of counts.keys().take(1)) counts.delete(oldest)
    return count
  }
}
