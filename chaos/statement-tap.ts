import type { Tap } from './tcp-proxy.ts'

/**
 * Tells what a connection to PostgreSQL does, step by step: its prepared statements by their names, and where its
 * transactions begin and end. It needs a client that waits for the reply to one statement before it sends the next.
 *
 * A gap is named for the steps on its sides: `lock-orders → lock-stock` within a transaction, `… → insert-orders` before
 * a statement that is its own transaction, `insert-orders → …` where that is committed and its reply under way.
 *
 * @param survives is called in each gap, before what follows it has passed; false breaks the connection there
 */
export function createStatementTap(survives: (gap: string) => boolean): Tap {
  const read = createStepReader()
  /** The last step of the transaction that is open; undefined outside of any. */
  let last: string | undefined
  /** The gap that the next reply opens; undefined where that changes nothing for good. */
  let opening: string | undefined

  function pass(step: string): boolean {
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
    return survives(`${before ?? '…'} → ${step}`)
  }

  return {
    toServer: (piece) => read(piece).every(pass),
    toClient: (piece) => {
      if (opening === undefined || !endsReady(piece)) return true
      const gap = opening
      opening = undefined
      return survives(gap)
    },
  }
}

/** ReadyForQuery, the last message of each reply: its type, its length, and the state of the transaction. */
function endsReady(piece: Buffer): boolean {
  return piece.length >= 6 && piece.at(-6) === 'Z'.charCodeAt(0) && piece.readInt32BE(piece.length - 5) === 5
}

const TYPE_AND_LENGTH = 5
/** Within it are the portal, which is unnamed, and the name of any prepared statement; or `begin`, or `commit`. */
const HEAD_MAX = 128

/** Reads the client's side of PostgreSQL's protocol, in pieces of any size. @returns the steps that begin in a piece */
function createStepReader(): (piece: Buffer) => string[] {
  let rest: Buffer = Buffer.alloc(0)
  /** Bytes to come of a message whose head was read. */
  let skipped = 0
  /** The first message, which has a length and no type. */
  let isStartup = true

  return (piece) => {
    const steps: string[] = []
    let at = Math.min(skipped, piece.length)
    skipped -= at
    const bytes = rest.length > 0 ? Buffer.concat([rest, piece]) : piece
    for (;;) {
      const start = isStartup ? at - 1 : at
      if (bytes.length < start + TYPE_AND_LENGTH) break
      const length = 1 + bytes.readInt32BE(start + 1)
      const head = bytes.subarray(start + TYPE_AND_LENGTH, start + Math.min(length, HEAD_MAX))
      if (head.length < Math.min(length, HEAD_MAX) - TYPE_AND_LENGTH) break
      const step = isStartup ? undefined : stepOf(bytes[start], head, bytes.subarray(start, start + length))
      if (step) steps.push(step)
      isStartup = false
      at = Math.min(start + length, bytes.length)
      skipped = start + length - at
    }
    rest = Buffer.from(bytes.subarray(at))
    return steps
  }
}

function stepOf(type: number | undefined, head: Buffer, message: Buffer): string | undefined {
  const [first = '', second = ''] = head.toString('latin1').split('\0')
  if (type === 'Q'.charCodeAt(0)) return /^(begin|commit|rollback)$/.exec(first)?.[0]
  if (type !== 'B'.charCodeAt(0) || second === '') return undefined
  // graphile-worker's are named for its schema, and for how many jobs they fetch
  const name = second.replace(/\d*\/.*/, '')
  // what comes from a supplier moves stock by the same statement as what comes from stock
  return name === 'move-stock' && message.includes('SUPPLIER_RECEIPT') ? 'move-stock (delivery)' : name
}
