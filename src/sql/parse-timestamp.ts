import pg from 'pg'

/** From the year 1000 to 9999, in a time zone of whole minutes: all that is younger than standard time. */
const ORDINARY = /^[1-9]\d{3}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?[+-]\d\d(?::\d\d)?$/
const MINUTE_MS = 60_000
const ZERO = '0'.charCodeAt(0)
const MINUS = '-'.charCodeAt(0)
const DOT = '.'.charCodeAt(0)
const COLON = ':'.charCodeAt(0)
const SECONDS_END = 'YYYY-MM-DD HH:MM:SS'.length

const parseAny: (text: string) => Date | number = pg.types.getTypeParser(pg.types.builtins.TIMESTAMPTZ)

/**
 * A `timestamptz` in PostgreSQL's ISO form, cut to milliseconds, as pg parses it: in less than half of the time, where
 * it is an ordinary one. A batch of 1,000 reservations reads 2,000.
 *
 * @returns a number for an infinite one
 */
export function parseTimestamp(text: string): Date | number {
  if (!ORDINARY.test(text)) return parseAny(text)
  let zone = SECONDS_END
  let ms = 0
  if (text.charCodeAt(zone) === DOT) {
    for (let unit = 100; isDigit(text, ++zone); unit = unit === 100 ? 10 : unit === 10 ? 1 : 0) {
      ms += unit * (text.charCodeAt(zone) - ZERO)
    }
  }
  const local = Date.UTC(
    digits(text, 0) * 100 + digits(text, 2),
    digits(text, 5) - 1,
    digits(text, 8),
    digits(text, 11),
    digits(text, 14),
    digits(text, 17),
    ms,
  )
  const minutes = text.charCodeAt(zone + 3) === COLON ? digits(text, zone + 4) : 0
  const offsetMs = (digits(text, zone + 1) * 60 + minutes) * MINUTE_MS
  return new Date(text.charCodeAt(zone) === MINUS ? local + offsetMs : local - offsetMs)
}

function digits(text: string, at: number): number {
  return (text.charCodeAt(at) - ZERO) * 10 + (text.charCodeAt(at + 1) - ZERO)
}

function isDigit(text: string, at: number): boolean {
  const digit = text.charCodeAt(at) - ZERO
  return digit >= 0 && digit <= 9
}
