import {
  decide,
  type SupplierDecision,
  type SupplierOutcome,
  type SupplierPolicy,
} from './supplier-policy.ts'

/**
 * How far a supplier is with what it was asked for. ASKED and ACCEPTED are open: a job asks again. UNREACHABLE: whether
 * it delivers is not known, and nobody asks any more.
 */
export type SupplierRequestState =
  | 'ASKED'
  | 'ACCEPTED'
  | 'DELIVERED'
  | 'REFUSED'
  | 'FAILED'
  | 'DELAYED'
  | 'UNREACHABLE'

/** The supplier, as long as there is one. */
const DEFAULT_SUPPLIER = 'default'

/** What a supplier is asked for: the waiting part of one line of an order. It outlives its order. */
export type SupplierRequest = {
  orderId: string
  sku: string
  qty: number
  supplier: string
  state: SupplierRequestState
  /** The supplier's name for what it will deliver. */
  ref: string | null
  /** Number of the call that is scheduled: a call with another number does nothing. */
  step: number
  /** Errors of transport in a row. */
  attempts: number
  /** Answers of "delayed". */
  rechecks: number
  askedAt: Date
  /** When the last answer came; null while it is open. */
  endedAt: Date | null
}

/** Whether the supplier has yet to give its last answer. */
export function isOpen({ state }: Pick<SupplierRequest, 'state'>): boolean {
  return state === 'ASKED' || state === 'ACCEPTED'
}

/**
 * The idempotency key under which a supplier is asked, however often.
 *
 * @param lines how many the order has. One that has only one is known by its id, as orders were that had no lines
 */
export function supplierKeyOf(
  { orderId, sku }: Pick<SupplierRequest, 'orderId' | 'sku'>,
  lines: number,
): string {
  return lines === 1 ? orderId : `${orderId}:${sku}`
}

/**
 * Asks a supplier for a line.
 *
 * @param earlier what it was asked for the same line before, and gave its last answer to: the order was opened again.
 * Calls that were scheduled then do nothing any more. Under the same key, it delivers what it was asked for first
 */
export function askSupplier(
  { orderId, sku, qty }: Pick<SupplierRequest, 'orderId' | 'sku' | 'qty'>,
  earlier: SupplierRequest | undefined,
  at: Date,
): SupplierRequest {
  return {
    orderId,
    sku,
    qty: earlier?.qty ?? qty,
    supplier: DEFAULT_SUPPLIER,
    state: 'ASKED',
    ref: null,
    step: (earlier?.step ?? 0) + 1,
    attempts: 0,
    rechecks: 0,
    askedAt: at,
    endedAt: null,
  }
}

/**
 * Draws the consequences of a call for its request.
 *
 * @param random a number in [0, 1), for jitter
 * @returns what was decided, and the request after it
 */
export function settleRequest(
  request: SupplierRequest,
  outcome: SupplierOutcome,
  policy: SupplierPolicy,
  random: number,
  at: Date,
): { decision: SupplierDecision; after: SupplierRequest } {
  const decision = decide(outcome, request, policy, random)
  const next = { ...request, step: request.step + 1 }
  switch (decision.kind) {
    case 'ask-again': {
      const { progress, ref } = decision
      const accepted = ref === undefined ? {} : { state: 'ACCEPTED' as const, ref }
      return { decision, after: { ...next, ...progress, ...accepted } }
    }
    case 'deliver':
      return { decision, after: { ...next, state: 'DELIVERED', endedAt: at } }
    case 'fail':
      return { decision, after: { ...next, state: FAILED_STATES[decision.reason], endedAt: at } }
  }
}

/** Whether the scheduled call is the first one ever, so that the supplier knows of nothing unless that was begun. */
export function isFirstCall({ step }: SupplierRequest): boolean {
  return step === 1
}

/**
 * Draws the consequences of a call that was not made, because the line did not wait.
 *
 * @param isAwaited whether the line waits again: then the call is made at once
 * @returns no request after it if nobody waits: nothing was asked of a supplier
 */
export function settleUnasked(
  request: SupplierRequest,
  isAwaited: boolean,
): {
  decision: Extract<SupplierDecision, { kind: 'ask-again' }> | { kind: 'forget' }
  after?: SupplierRequest
} {
  if (!isAwaited) return { decision: { kind: 'forget' } }
  const after = { ...request, step: request.step + 1 }
  return { decision: { kind: 'ask-again', delayMs: 0, progress: request }, after }
}

/** The request of a job that was given up: nobody asks any more. */
export function giveUp(request: SupplierRequest, at: Date): SupplierRequest {
  return { ...request, step: request.step + 1, state: 'UNREACHABLE', endedAt: at }
}

const FAILED_STATES = {
  SUPPLIER_REFUSED: 'REFUSED',
  SUPPLIER_FAILED: 'FAILED',
  SUPPLIER_DELAYED: 'DELAYED',
  SUPPLIER_UNREACHABLE: 'UNREACHABLE',
} as const satisfies Record<Extract<SupplierDecision, { kind: 'fail' }>['reason'], SupplierRequestState>
