import { v7 as uuidv7 } from 'uuid'

const BYTES_OF_AN_ID = 16
/** Drawn together: each draw is a system call, which can take ten times as long as the rest of an id. */
const randomBytes = new Uint8Array(BYTES_OF_AN_ID * 256)
let drawnBytes = randomBytes.length

let msecs = 0
let seq = 0

/**
 * Makes a UUID of version 7, greater than all that this process made before: also within a millisecond, and after a clock was
 * set back.
 */
export function newId(): string {
  if (drawnBytes === randomBytes.length) {
    crypto.getRandomValues(randomBytes)
    drawnBytes = 0
  }
  const random = randomBytes.subarray(drawnBytes, drawnBytes + BYTES_OF_AN_ID)
  drawnBytes += BYTES_OF_AN_ID
  const now = Date.now()
  if (now > msecs) {
    msecs = now
    // 31 random bits, so that counting up from them does not leave the 32 that an id has for it
    seq = ((random[6]! & 0x7f) << 24) | (random[7]! << 16) | (random[8]! << 8) | random[9]!
  } else seq += 1
  return uuidv7({ msecs, seq, random })
}
