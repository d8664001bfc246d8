import type { StockAnswer, StockDeed, StockVerb, ToldMovement } from './stock-history.ts'

const MOVEMENT = 'movement { id sku delta onHandAfter }'
const RESULTS = `results { ${MOVEMENT} userErrors { code } } unreserved { id }`

/** The input of each call, the field of its payload that is there where it was not refused, and what is asked for. */
const CALLS: Record<StockVerb, { input: string; answerField: string; fields: string }> = {
  receiveInventory: { input: 'ReceiveInventoryInput', answerField: 'movement', fields: MOVEMENT },
  transferInventory: {
    input: 'TransferInventoryInput',
    answerField: 'movements',
    fields: MOVEMENT.replace('movement', 'movements'),
  },
  adjustInventories: { input: 'AdjustInventoriesInput', answerField: 'results', fields: RESULTS },
  countInventory: { input: 'CountInventoryInput', answerField: 'results', fields: RESULTS },
}

/** A change of stock as GraphQL takes it. */
export function callOf(deed: StockDeed): { query: string; answerField: string; input: object } {
  const { input, answerField, fields } = CALLS[deed.verb]
  const query = `mutation Change($input: ${input}!) { ${deed.verb}(input: $input) { ${fields} userErrors { code } } }`
  return { query, answerField, input: inputOf(deed) }
}

function inputOf({
  verb,
  tag,
  key: idempotencyKey,
  location,
  to,
  rows,
  errorPolicy,
  onShortfall,
}: StockDeed): object {
  const common = { reason: tag, idempotencyKey }
  switch (verb) {
    case 'receiveInventory':
      return { ...common, ...rows[0]!, location }
    case 'transferInventory':
      return { ...common, from: location, to, lines: rows }
    case 'adjustInventories': {
      const changes = rows.map(({ qty: delta, ...row }) => ({ ...row, delta, location }))
      return { ...common, changes, errorPolicy }
    }
    case 'countInventory': {
      const counts = rows.map(({ qty: counted, ...row }) => ({ ...row, counted }))
      return { ...common, location, counts, errorPolicy, onShortfall }
    }
  }
}

type Result = { movement: ToldMovement | null; userErrors: readonly { code: string }[] }

/** What a payload says that did not refuse the call as a whole. */
export function readAnswer({ verb }: StockDeed, payload: Record<string, unknown>): StockAnswer {
  switch (verb) {
    case 'receiveInventory':
      return made([payload.movement as ToldMovement])
    case 'transferInventory':
      return made(payload.movements as ToldMovement[])
    default:
      return {
        results: (payload.results as Result[]).map(({ movement, userErrors: [error] }) => {
          return { movement, code: error?.code ?? null }
        }),
        unreserved: (payload.unreserved as { id: string }[]).map(({ id }) => id),
      }
  }
}

/** The same of a receipt by REST. */
export function readReceipt({ movement }: { movement: Record<string, unknown> }): StockAnswer {
  const { id, sku, delta, available_after, reserved_after } = movement
  const onHandAfter = Number(available_after) + Number(reserved_after)
  return made([{ id, sku, delta, onHandAfter } as ToldMovement])
}

function made(movements: readonly ToldMovement[]): StockAnswer {
  return { results: movements.map((movement) => ({ movement, code: null })), unreserved: [] }
}
