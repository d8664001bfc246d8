const DATE_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' })
const NUMBER = new Intl.NumberFormat()
const CHANGE = new Intl.NumberFormat(undefined, { signDisplay: 'exceptZero' })

/** A moment in the reader's zone; in UTC on hover. */
export function Time({ at }: { at: string }) {
  return (
    <time dateTime={at} title={`${at.slice(0, 19).replace('T', ' ')} UTC`}>
      {DATE_TIME.format(new Date(at))}
    </time>
  )
}

/** A number with separators. */
export function Num({ value }: { value: number }) {
  return <span class="num">{NUMBER.format(value)}</span>
}

/** What was added, or taken away. */
export function Change({ value }: { value: number }) {
  return <span class="num change">{CHANGE.format(value)}</span>
}

/** How long something has lasted, in the largest unit that fits. */
export function Age({ seconds }: { seconds: number }) {
  const [unit, size] = UNITS.findLast(([, size]) => seconds >= size) ?? UNITS[0]!
  const number = new Intl.NumberFormat(undefined, { style: 'unit', unit, maximumFractionDigits: 0 })
  return <span class="num">{number.format(Math.floor(seconds / size))}</span>
}

/** In seconds. */
const UNITS: readonly (readonly [unit: string, size: number])[] = [
  ['second', 1],
  ['minute', 60],
  ['hour', 3_600],
  ['day', 86_400],
]

/** How many there are; about how many, where they are too many to count. */
export function CountOf({ count: { count, isEstimate } }: { count: { count: number; isEstimate: boolean } }) {
  return (
    <span>
      {isEstimate && 'about '}
      <Num value={count} />
    </span>
  )
}
