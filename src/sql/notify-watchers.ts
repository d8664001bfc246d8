import type { Order } from '../domain/order.ts'
import { prepare, type Queryable } from './statement.ts'

/** The channel on which every server hears which orders changed. */
export const ORDER_CHANNEL = 'holdfast_orders'

/**
 * Orders that fit one notification: PostgreSQL takes 7,999 bytes, an order is 22 characters of id, two of punctuation
 * and at most two of version (to 1,295, in base 36).
 */
export const NOTIFIED_ORDERS_MAX = 300

/** That an order has reached a version. */
export type OrderNotice = Pick<Order, 'id' | 'version'>

/** Tells every server, once the transaction commits, that these orders changed: one notification for up to 300. */
export async function notifyWatchers(on: Queryable, orders: readonly OrderNotice[]): Promise<void> {
  for (let start = 0; start < orders.length; start += NOTIFIED_ORDERS_MAX) {
    await notify(on, [ORDER_CHANNEL, encodeNotices(orders.slice(start, start + NOTIFIED_ORDERS_MAX))])
  }
}

const notify = prepare('notify-watchers', 'select pg_notify($1, $2)')

/** `<id in base64url>:<version in base 36>`, joined by commas. */
function encodeNotices(notices: readonly OrderNotice[]): string {
  return notices
    .map(({ id, version }) => {
      const bytes = Buffer.from(id.replaceAll('-', ''), 'hex')
      return `${bytes.toString('base64url')}:${version.toString(36)}`
    })
    .join(',')
}

/** What `notifyWatchers` sent. */
export function decodeNotices(payload: string): OrderNotice[] {
  return payload.split(',').map((notice) => {
    const [id = '', version = ''] = notice.split(':')
    const hex = Buffer.from(id, 'base64url').toString('hex')
    return {
      id: hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
      version: Number.parseInt(version, 36),
    }
  })
}
