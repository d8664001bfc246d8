import type { Findings } from './findings.ts'

/** A frozen process answers nobody: a client gives up and asks the other. */
const CALL_LIMIT_MS = 6_000

export type OrderAnswer = { id: string; sku: string; qty: number; status: string; version: number }

/** What a call came to. `doubtful`: nobody can tell whether it took effect. */
export type Outcome<Answer> =
  | { kind: 'answered'; answer: Answer }
  | { kind: 'refused'; code: string }
  | { kind: 'doubtful'; why: string }

const CREATE_ORDER = `mutation Create($input: CreateOrderInput!) {
  createOrder(input: $input) { order { id sku qty status version } userErrors { code } }
}`
const ADJUST = `mutation Adjust($input: AdjustInventoryInput!) {
  adjustInventory(input: $input) { movement { id } userErrors { code } }
}`

export type Calls = ReturnType<typeof createCalls>

/** The calls that clients make, by one Authorization header. An answer that no client should ever see is a violation. */
export function createCalls(findings: Findings, authorization: string) {
  async function post(url: string, body: object, headers: Record<string, string> = {}) {
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json',
          authorization,
          ...headers,
        },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(CALL_LIMIT_MS),
      })
      const text = await response.text()
      // Node's own, of a process that was frozen in the middle of a request: it has not been looked at
      if (response.status === 408) {
        findings.count('calls answered 408 by a process that was frozen')
        return { why: '408' }
      }
      return { status: response.status, headers: response.headers, text }
    } catch (error) {
      const { name, cause } = error as Error & { cause?: { code?: string } }
      const why = cause?.code ?? name
      findings.count(`calls without an answer: ${why}`)
      return { why }
    }
  }

  /** Runs a mutation whose payload has `userErrors`. */
  async function mutate<Answer>(
    url: string,
    query: string,
    field: string,
    answerField: string,
    input: object,
  ): Promise<Outcome<Answer>> {
    const reply = await post(`${url}/graphql`, { query, variables: { input } })
    if (reply.why !== undefined) return { kind: 'doubtful', why: reply.why }
    const { status, headers, text } = reply
    const { data, errors } = parse(text)
    const code = errors?.[0]?.extensions?.code
    const payload = data?.[field]
    if (status === 503 && code === 'UNAVAILABLE' && !payload && headers.has('retry-after')) {
      findings.count('calls answered UNAVAILABLE by GraphQL')
      return { kind: 'doubtful', why: code }
    }
    if (payload?.userErrors?.[0]) return { kind: 'refused', code: payload.userErrors[0].code }
    if (status === 200 && payload?.[answerField]) return { kind: 'answered', answer: payload[answerField] }
    findings.violate(
      'GraphQL answers well, or UNAVAILABLE as 503 with Retry-After',
      field,
      `${status} ${text}`,
    )
    return { kind: 'doubtful', why: `${status} ${code}` }
  }

  return {
    createOrderByGraphql(url: string, input: { sku: string; qty: number }, key: string | null) {
      const idempotencyKey = key ?? undefined
      return mutate<OrderAnswer>(url, CREATE_ORDER, 'createOrder', 'order', { ...input, idempotencyKey })
    },

    async createOrderByRest(
      url: string,
      input: { sku: string; qty: number },
      key: string | null,
    ): Promise<Outcome<OrderAnswer>> {
      const reply = await post(`${url}/api/order`, input, key === null ? {} : { 'idempotency-key': key })
      if (reply.why !== undefined) return { kind: 'doubtful', why: reply.why }
      const { status, headers, text } = reply
      const body = parse(text)
      if (status === 201 && body.id) {
        return { kind: 'answered', answer: { ...body, status: body.status.toUpperCase() } }
      }
      if (status === 422 && body.code) return { kind: 'refused', code: body.code }
      if (status === 503 && body.code === 'UNAVAILABLE' && headers.has('retry-after')) {
        findings.count('calls answered 503 by REST')
      } else {
        findings.violate('REST answers well, or 503 with Retry-After', 'POST /api/order', `${status} ${text}`)
      }
      return { kind: 'doubtful', why: String(status) }
    },

    adjustInventory(url: string, input: { sku: string; delta: number; reason: string }) {
      return mutate<{ id: string }>(url, ADJUST, 'adjustInventory', 'movement', input)
    },

    async createItem(url: string, sku: string, available: number): Promise<void> {
      const query = `mutation { createInventoryItem(input: { sku: "${sku}", name: "${sku}", available: ${available} })
        { inventoryItem { sku } userErrors { code } } }`
      const reply = await post(`${url}/graphql`, { query })
      if (!reply.text?.includes(`"sku":"${sku}"`)) throw new Error(`Cannot make ${sku}: ${reply.text}`)
    },
  }
}

// biome-ignore lint/suspicious/noExplicitAny: whatever came, and what is not there is undefined
function parse(text: string): any {
  try {
    return JSON.parse(text)
  } catch {
    return {}
  }
}
