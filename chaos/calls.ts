import type { Findings } from './findings.ts'
import type { Deed, Intent, Line, Verb } from './history.ts'
import { callOf, readAnswer, readReceipt } from './stock-calls.ts'
import type { SentRules, StockAnswer, StockDeed } from './stock-history.ts'

/** A frozen process answers nobody: a client gives up and asks the other. */
const CALL_LIMIT_MS = 6_000

/** An order as it is answered. `reference`: of a shipment, which not every answer has. */
export type OrderAnswer = {
  id: string
  lines: readonly Line[]
  status: string
  version: number
  shipments?: readonly { id: string; reference: string | null; lines: readonly Line[] }[]
}

/** What a call came to. `doubtful`: nobody can tell whether it took effect. */
export type Outcome<Answer> =
  | { kind: 'answered'; answer: Answer }
  | { kind: 'refused'; code: string }
  | { kind: 'doubtful'; why: string }

const ORDER = 'order { id lines { sku qty } status version shipments { id reference lines { sku qty } } }'
const CREATE_ORDER = `mutation Create($input: CreateOrderInput!) {
  createOrder(input: $input) { order { id lines { sku qty } status version } userErrors { code } }
}`
const ADJUST = `mutation Adjust($input: AdjustInventoryInput!) {
  adjustInventory(input: $input) { movement { id } userErrors { code } }
}`
const CREATE_ITEM = `mutation Create($input: CreateInventoryItemInput!) {
  createInventoryItem(input: $input) { inventoryItem { sku } userErrors { code } }
}`
const SET_RULES = `mutation Set($input: SetStockRulesInput!) {
  setStockRules(input: $input) { inventoryItem { sku } userErrors { code } }
}`
const SAVE_LOCATION = `mutation Save($input: LocationInput!) {
  saveLocation(input: $input) { location { code } userErrors { code } }
}`

const INPUTS: Record<Verb, string> = {
  cancelOrder: 'CancelOrderInput',
  shipOrder: 'ShipOrderInput',
  undoShipment: 'UndoShipmentInput',
  returnOrder: 'ReturnOrderInput',
  confirmOrder: 'ConfirmOrderInput',
  extendHold: 'ExtendHoldInput',
}

const PATHS: Record<Verb, (deed: Deed) => string> = {
  cancelOrder: ({ orderId }) => `/api/orders/${orderId}/cancel`,
  shipOrder: ({ orderId }) => `/api/orders/${orderId}/ship`,
  undoShipment: ({ shipmentId }) => `/api/shipments/${shipmentId}/undo`,
  returnOrder: ({ orderId }) => `/api/orders/${orderId}/return`,
  confirmOrder: ({ orderId }) => `/api/orders/${orderId}/confirm`,
  extendHold: ({ orderId }) => `/api/orders/${orderId}/extend`,
}

type Sent = Pick<Intent, 'lines' | 'locations' | 'ifShort' | 'holdSeconds'>

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

  /** Runs a mutation whose payload has `userErrors`. @returns the field of the payload that is null where it was refused */
  async function mutate<Answer>(
    url: string,
    query: string,
    field: string,
    answerField: string,
    input: object,
  ): Promise<Outcome<Answer>> {
    const outcome = await mutateWhole(url, query, field, answerField, input)
    return outcome.kind === 'answered'
      ? { kind: 'answered', answer: outcome.answer[answerField] as Answer }
      : outcome
  }

  /** The same. @returns the payload */
  async function mutateWhole(
    url: string,
    query: string,
    field: string,
    answerField: string,
    input: object,
  ): Promise<Outcome<Record<string, unknown>>> {
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
    // it may have been done: what could not be read is what it has come to
    if (status === 200 && code === 'UNAVAILABLE' && payload?.[answerField] === null) {
      findings.count('calls answered by GraphQL without their order')
      return { kind: 'doubtful', why: code }
    }
    if (payload?.userErrors?.[0]) return { kind: 'refused', code: payload.userErrors[0].code }
    if (status === 200 && payload?.[answerField]) return { kind: 'answered', answer: payload }
    findings.violate(
      'GraphQL answers well, or UNAVAILABLE as 503 with Retry-After',
      field,
      `${status} ${text}`,
    )
    return { kind: 'doubtful', why: `${status} ${code}` }
  }

  /** Makes a REST call that answers with an order. */
  async function postOrder(
    ...[url, path, body, key, success, headers]: Parameters<typeof postKeyed>
  ): Promise<Outcome<OrderAnswer>> {
    const outcome = await postKeyed(url, path, body, key, success, headers)
    if (outcome.kind !== 'answered') return outcome
    const { answer } = outcome
    return { kind: 'answered', answer: { ...answer, status: answer.status.toUpperCase() } }
  }

  /** Makes a REST call under a key. */
  async function postKeyed(
    url: string,
    path: string,
    body: object,
    key: string | null,
    success: number,
    headers: Record<string, string> = {},
    // biome-ignore lint/suspicious/noExplicitAny: the body, as the path has it
  ): Promise<Outcome<any>> {
    const keyed = key === null ? headers : { ...headers, 'idempotency-key': key }
    const reply = await post(`${url}${path}`, body, keyed)
    if (reply.why !== undefined) return { kind: 'doubtful', why: reply.why }
    const { status, text } = reply
    const answer = parse(text)
    if (status === success && (answer.id || answer.movement)) return { kind: 'answered', answer }
    if ([404, 409, 422].includes(status) && answer.code) return { kind: 'refused', code: answer.code }
    if (status === 503 && answer.code === 'UNAVAILABLE' && reply.headers.has('retry-after')) {
      findings.count('calls answered 503 by REST')
    } else {
      findings.violate('REST answers well, or 503 with Retry-After', path, `${status} ${text}`)
    }
    return { kind: 'doubtful', why: String(status) }
  }

  async function mustMutate(url: string, query: string, field: string, answerField: string, input: object) {
    const outcome = await mutate(url, query, field, answerField, input)
    if (outcome.kind !== 'answered') throw new Error(`${field} of ${JSON.stringify(input)}: ${outcome.kind}`)
  }

  return {
    /** @param waitS how long the answer may wait for what becomes of the order, in seconds */
    createOrderByGraphql(url: string, { lines, ...how }: Sent, key: string | null, waitS: number) {
      const { locations, ifShort, holdSeconds } = how
      const asked = { locations, ifShort, holdSeconds, waitMs: waitS * 1_000 }
      const input = { ...orderedBy(lines), ...asked, idempotencyKey: key }
      return mutate<OrderAnswer>(url, CREATE_ORDER, 'createOrder', 'order', input)
    },

    createOrderByRest(url: string, { lines, ...how }: Sent, key: string | null, waitS: number) {
      const asked = { locations: how.locations, if_short: how.ifShort, hold_seconds: how.holdSeconds }
      const headers: Record<string, string> = waitS > 0 ? { prefer: `wait=${waitS}` } : {}
      return postOrder(url, '/api/order', { ...orderedBy(lines), ...asked }, key, 201, headers)
    },

    /** Changes an order by GraphQL. */
    changeByGraphql(url: string, deed: Deed) {
      const { verb, orderId, shipmentId, holdSeconds, expectedVersion, key: idempotencyKey } = deed
      const query = `mutation Change($input: ${INPUTS[verb]}!) { ${verb}(input: $input) { ${ORDER} userErrors { code } } }`
      const input = {
        id: shipmentId ?? orderId,
        ...contentOf(deed),
        holdSeconds,
        expectedVersion,
        idempotencyKey,
      }
      return mutate<OrderAnswer>(url, query, verb, 'order', input)
    },

    /** The same by REST. */
    changeByRest(url: string, deed: Deed) {
      const body = {
        ...contentOf(deed),
        hold_seconds: deed.holdSeconds,
        expected_version: deed.expectedVersion,
      }
      return postOrder(url, PATHS[deed.verb](deed), body, deed.key, 200)
    },

    adjustInventory(url: string, input: { sku: string; location: string; delta: number; reason: string }) {
      return mutate<{ id: string }>(url, ADJUST, 'adjustInventory', 'movement', input)
    },

    /** Changes stock, by GraphQL. */
    async changeStock(url: string, deed: StockDeed): Promise<Outcome<StockAnswer>> {
      const { query, answerField, input } = callOf(deed)
      const outcome = await mutateWhole(url, query, deed.verb, answerField, input)
      return outcome.kind === 'answered'
        ? { kind: 'answered', answer: readAnswer(deed, outcome.answer) }
        : outcome
    },

    /** Receives goods, by REST. */
    async receiveByRest(url: string, { rows, location, tag, key }: StockDeed): Promise<Outcome<StockAnswer>> {
      const { sku, qty } = rows[0]!
      const path = `/api/inventory/${sku}/receive`
      const outcome = await postKeyed(url, path, { qty, location, reason: tag }, key, 200)
      return outcome.kind === 'answered' ? { kind: 'answered', answer: readReceipt(outcome.answer) } : outcome
    },

    setStockRules(url: string, { isDone, isLast, ...input }: SentRules): Promise<Outcome<{ sku: string }>> {
      return mutate(url, SET_RULES, 'setStockRules', 'inventoryItem', input)
    },

    createItem(url: string, sku: string, available: number): Promise<void> {
      const input = { sku, name: sku, available }
      return mustMutate(url, CREATE_ITEM, 'createInventoryItem', 'inventoryItem', input)
    },

    saveLocation(url: string, input: { code: string; priority: number; isActive: boolean }): Promise<void> {
      return mustMutate(url, SAVE_LOCATION, 'saveLocation', 'location', input)
    },

    /** Adds to what is available, before there are faults. */
    addStock(url: string, sku: string, location: string, delta: number): Promise<void> {
      const input = { sku, location, delta, reason: 'before' }
      return mustMutate(url, ADJUST, 'adjustInventory', 'movement', input)
    },
  }
}

/** One line is sent without a list. */
function orderedBy(lines: readonly Line[]): object {
  return lines.length === 1 ? lines[0]! : { lines }
}

/** What a change is about, in words that both APIs have. */
function contentOf({ verb, lines, location, tag }: Deed): object {
  switch (verb) {
    case 'cancelOrder':
      return { lines, note: tag }
    case 'shipOrder':
      return { lines, location, reference: tag }
    case 'undoShipment':
      return { note: tag }
    case 'returnOrder':
      return { lines, location, note: tag }
    case 'confirmOrder':
    case 'extendHold':
      return {}
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
