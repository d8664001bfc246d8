import type { Tap } from './tcp-proxy.ts'

/**
 * Tells what a connection to PostgreSQL does, step by step: its prepared statements by their names, and where its
 * transactions begin and end.
 *
 * A gap is named for the steps on its sides: `lock-orders → lock-stock` within a transaction, `… → insert-orders` before
 * a statement that is its own transaction, `insert-orders → …` where that is committed and its reply under way.
 *
 * Statements that are sent before the reply to the one before has come are one step: most often they share a piece, so
 * that none of them would pass without the others. The gap before it has the name of its first, the one after it that of
 * its last.
 *
 * @param survives is called in each gap, before what follows it has passed; false breaks the connection there
 */
export function createStatementTap(survives: (gap: string) => boolean): Tap {
  const readClient = createMessageReader(clientEventOf, { hasStartup: true })
  const readServer = createMessageReader(serverEventOf, { hasStartup: false })
  /** The last step of the transaction that is open; undefined outside of any. */
  let last: string | undefined
  /** The gap that the next reply opens; undefined where that changes nothing for good. */
  let opening: string | undefined
  /** Replies to come. The first is to the start of the connection. */
  let replies = 1

  function pass({ step, asksReply }: ClientEvent): boolean {
    const isPipelined = replies > 0
    if (asksReply) replies++
    return step === undefined || passStep(step, isPipelined)
  }

  function passStep(step: string, isPipelined: boolean): boolean {
    const before = last
    opening = undefined
    if (step === 'begin') {
      last = step
    } else if (step === 'commit' || step === 'rollback') {
      last = undefined
      if (step === 'commit') opening = `${before}, commit → …`
    } else if (before === undefined) {
      opening = `${step} → …`
    } else {
      last = step
    }
    return isPipelined || survives(`${before ?? '…'} → ${step}`)
  }

  function passReply(): boolean {
    replies--
    if (opening === undefined || replies > 0) return true
    const gap = opening
    opening = undefined
    return survives(gap)
  }

  return {
    toServer: (piece) => readClient(piece).every(pass),
    toClient: (piece) => readServer(piece).every(passReply),
  }
}

/** What a client's message is: a step, the end of what it wants one reply to, or both. */
type ClientEvent = { step?: string | undefined; asksReply: boolean }

const TYPE_AND_LENGTH = 5
/** Within it are the portal, which is unnamed, and the name of any prepared statement; or `begin`, or `commit`. */
const HEAD_MAX = 128

type Read<Event> = (type: string, head: Buffer, message: Buffer) => Event | undefined

/**
 * Reads one side of PostgreSQL's protocol, in pieces of any size.
 *
 * @param read what a message is, of which it may have no more than the head; undefined where nobody cares
 * @param options.hasStartup whether the first message has a length and no type
 * @returns what begins in a piece
 */
function createMessageReader<Event>(
  read: Read<Event>,
  options: { hasStartup: boolean },
): (piece: Buffer) => Event[] {
  let rest: Buffer = Buffer.alloc(0)
  /** Bytes to come of a message whose head was read. */
  let skipped = 0
  let isStartup = options.hasStartup

  return (piece) => {
    const events: Event[] = []
    let at = Math.min(skipped, piece.length)
    skipped -= at
    const bytes = rest.length > 0 ? Buffer.concat([rest, piece]) : piece
    for (;;) {
      const start = isStartup ? at - 1 : at
      if (bytes.length < start + TYPE_AND_LENGTH) break
      const length = 1 + bytes.readInt32BE(start + 1)
      const head = bytes.subarray(start + TYPE_AND_LENGTH, start + Math.min(length, HEAD_MAX))
      if (head.length < Math.min(length, HEAD_MAX) - TYPE_AND_LENGTH) break
      const message = bytes.subarray(start, start + length)
      const event = isStartup ? undefined : read(String.fromCharCode(bytes[start]!), head, message)
      if (event !== undefined) events.push(event)
      isStartup = false
      at = Math.min(start + length, bytes.length)
      skipped = start + length - at
    }
    rest = Buffer.from(bytes.subarray(at))
    return events
  }
}

/** Query and Sync ask for a reply each; Bind names the statement that is to run. */
function clientEventOf(type: string, head: Buffer, message: Buffer): ClientEvent | undefined {
  if (type === 'S') return { asksReply: true }
  const [first = '', second = ''] = head.toString('latin1').split('\0')
  if (type === 'Q') return { step: /^(begin|commit|rollback)\b/.exec(first)?.[0], asksReply: true }
  if (type !== 'B' || second === '') return undefined
  // graphile-worker's are named for its schema, and for how many jobs they fetch
  const name = second.replace(/\d*\/.*/, '')
  // what comes from a supplier moves stock by the same statement as what comes from stock
  const isDelivery = name === 'move-stock' && message.includes('SUPPLIER_RECEIPT')
  return { step: isDelivery ? 'move-stock (delivery)' : name, asksReply: false }
}

/** ReadyForQuery, the last message of each reply. */
function serverEventOf(type: string): 'ready' | undefined {
  return type === 'Z' ? 'ready' : undefined
}
