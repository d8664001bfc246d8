import type { Order } from '../../domain/orders/order.ts'
import type { RequestOrigin } from '../../domain/origin.ts'
import { prepare, type Queryable } from '../statement.ts'

/** The channel on which processes tell each other which orders changed, and that stock did. */
export const ORDER_CHANNEL = 'holdfast_orders'

/**
 * PostgreSQL's limit: 307 orders, or 129 with spans. An order takes 22 characters for its id, two for punctuation, up to two
 * for its version (up to 1,295, in base 36), and 36 more for a span.
 */
const NOTIFICATION_MAX_BYTES = 7_999

/** Says that webhooks changed. No order's id begins like this. */
export const WEBHOOKS_CHANGED = '*'

/** An order and the version it has reached, with the span of the request that caused it, if known. */
export type OrderNotice = Pick<Order, 'id' | 'version'> & Pick<RequestOrigin, 'traceparent'>

/** Notifies every process at the commit that these orders changed, in as few notifications as possible. */
export async function notifyWatchers(on: Queryable, orders: readonly OrderNotice[]): Promise<void> {
  let payload = ''
  for (const order of orders) {
    const notice = encodeNotice(order)
    if (payload.length + 1 + notice.length > NOTIFICATION_MAX_BYTES) {
      await notify(on, ORDER_CHANNEL, payload)
      payload = notice
    } else payload += payload === '' ? notice : `,${notice}`
  }
  if (payload !== '') await notify(on, ORDER_CHANNEL, payload)
}

/** Notifies every process at the commit that stock moved, by something else than a version of an order. */
export async function notifyOfStock(on: Queryable): Promise<void> {
  await notify(on, ORDER_CHANNEL, '')
}

/** Notifies every process at the commit that webhooks changed: one may be there to read the outbox for. */
export async function notifyOfWebhooks(on: Queryable): Promise<void> {
  await notify(on, ORDER_CHANNEL, WEBHOOKS_CHANGED)
}

const notify = prepare<[channel: string, payload: string]>('notify-watchers', 'select pg_notify($1, $2)')

/** `<id in base64url>:<version in base 36>`, and `:<traceparent in base64url>` if there is one. */
function encodeNotice({ id, version, traceparent }: OrderNotice): string {
  const notice = `${encodeHex(id)}:${version.toString(36)}`
  return traceparent === undefined ? notice : `${notice}:${encodeHex(traceparent)}`
}

/** Decodes what was sent: of a change of stock, or of webhooks, no notice. */
export function decodeNotices(payload: string): OrderNotice[] {
  if (payload === '' || payload === WEBHOOKS_CHANGED) return []
  return payload.split(',').map((notice) => {
    const [id = '', version = '', span] = notice.split(':')
    return {
      id: decodeHex(id).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
      version: Number.parseInt(version, 36),
      traceparent: span && decodeHex(span).replace(/^(.{2})(.{32})(.{16})(.{2})$/, '$1-$2-$3-$4'),
    }
  })
}

function encodeHex(text: string): string {
  return Buffer.from(text.replaceAll('-', ''), 'hex').toString('base64url')
}

function decodeHex(text: string): string {
  return Buffer.from(text, 'base64url').toString('hex')
}
