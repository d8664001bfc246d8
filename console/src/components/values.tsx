const DATE_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' })
const NUMBER = new Intl.NumberFormat()

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

/** How many there are; about how many, where they are too many to count. */
export function CountOf({ count: { count, isEstimate } }: { count: { count: number; isEstimate: boolean } }) {
  return (
    <span>
      {isEstimate && 'about '}
      <Num value={count} />
    </span>
  )
}
