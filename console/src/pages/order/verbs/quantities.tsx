import { Field } from '../../../components/field.tsx'

/** A quantity that can be chosen. */
export type Choice = { key: string; label: string; max: number }

/** What was typed for each, by its key. */
export type Typed = Readonly<Record<string, string>>

type QuantitiesProps = {
  legend: string
  choices: readonly Choice[]
  typed: Typed
  onInput: (typed: Typed) => void
}

/** How many of each. */
export function Quantities({ legend, choices, typed, onInput }: QuantitiesProps) {
  return (
    <fieldset class="quantities">
      <legend>{legend}</legend>
      {choices.map(({ key, label, max }) => (
        <Field
          key={key}
          label={label}
          // not the key alone: an item with the SKU "note" would show what is wrong with the note
          name={`qty of ${key}`}
          type="number"
          required
          min={0}
          max={max}
          value={typed[key] ?? '0'}
          onInput={(value) => onInput({ ...typed, [key]: value })}
          hint={`of ${max.toLocaleString()}`}
        />
      ))}
    </fieldset>
  )
}

/** Returns how many were chosen of one. */
export function chosenOf(typed: Typed, { key }: Pick<Choice, 'key'>): number {
  return Number(typed[key] ?? 0)
}

/** All of each. */
export function all(choices: readonly Choice[]): Typed {
  return Object.fromEntries(choices.map(({ key, max }) => [key, String(max)]))
}

/** Quantities of SKUs in words. */
export function goodsInWords(lines: readonly { sku: string; qty: number }[]): string {
  return lines.map(({ sku, qty }) => `${qty.toLocaleString()} × ${sku}`).join(', ')
}
