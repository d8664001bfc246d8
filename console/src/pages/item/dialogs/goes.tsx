import { Num } from '../../../components/values.tsx'

/** What will become of a quantity: "On hand at MAIN goes from 12 to 7." */
export function Goes({ what, at, from, to }: { what: string; at: string; from: number; to: number }) {
  return (
    <p>
      {what} at {at} goes from <Num value={from} /> to <Num value={to} />.
    </p>
  )
}

/** Returns the whole number that a field holds; undefined where it holds none. */
export function toWhole(text: string): number | undefined {
  const number = Number(text)
  return text.trim() !== '' && Number.isSafeInteger(number) ? number : undefined
}

/** An optional text of an input. */
export function orNull(text: string): string | null {
  return text.trim() || null
}
