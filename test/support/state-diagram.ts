import { ORDER_EVENTS } from '../../src/domain/orders/order-status.ts'

/** Prints the life of an order, by the table of events, as a state diagram in Mermaid's language. */
export function stateDiagram(): string {
  const moves = Object.entries<readonly { from: string | null; to: readonly string[] }[]>(
    ORDER_EVENTS,
  ).flatMap(([type, rows]) =>
    rows.flatMap(({ from, to }) => to.map((status) => ({ type, arrow: arrowOf(from, status) }))),
  )
  const arrows = Map.groupBy(moves, ({ arrow }) => arrow)
  const lines = [...arrows].map(([arrow, events]) => `${arrow}: ${events.map(({ type }) => type).join(', ')}`)
  return ['stateDiagram-v2', ...lines.map((line) => `    ${line}`), ''].join('\n')
}

function arrowOf(from: string | null, to: string): string {
  return `${from ?? '[*]'} --> ${to}`
}
