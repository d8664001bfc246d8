import { decodeCursor, encodeCursor } from '../cursor.ts'
import type { InventoryChange } from '../domain/stock/thresholds.ts'
import type { StreamPlace } from '../sql/stock/ledger/read-changes.ts'

/** What cursors of the stream call it. */
const STREAM = 'inventoryChanges'
/** Position and time, in ms since 1970. */
const PLACE = /^(0|[1-9]\d{0,18})\.(0|[1-9]\d{0,14})$/
/** The highest number of a sequence. */
const POSITION_MAX = 2n ** 63n - 1n

/** Returns the cursor of a place: who comes back with it receives what came after it. */
export function cursorOf({ position, writtenAt }: StreamPlace): string {
  return encodeCursor(STREAM, `${position}.${writtenAt.getTime()}`)
}

/** Returns the place that a cursor was made of; undefined for what is no cursor of this stream. */
export function placeOfCursor(cursor: string): StreamPlace | undefined {
  const [, position, writtenAtMs] = PLACE.exec(decodeCursor(STREAM, cursor) ?? '') ?? []
  if (position === undefined || BigInt(position) > POSITION_MAX) return undefined
  return { position: BigInt(position), writtenAt: new Date(Number(writtenAtMs)) }
}

export function placeOf({ position, movement }: InventoryChange): StreamPlace {
  return { position, writtenAt: movement.createdAt }
}
