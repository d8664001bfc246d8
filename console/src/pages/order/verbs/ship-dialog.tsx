import { useState } from 'preact/hooks'
import { graphql } from '../../../api/graphql.ts'
import { Field } from '../../../components/field.tsx'
import type { OrderDialogProps } from './order-dialog-props.ts'
import { all, type Choice, chosenOf, Quantities } from './quantities.tsx'
import { useVerb } from './use-verb.ts'
import { VerbForm } from './verb-form.tsx'

const ShipOrderDocument = graphql(`
  mutation ShipOrder($input: ShipOrderInput!) {
    shipOrder(input: $input) {
      order {
        id
        version
        status
      }
      shipments {
        id
      }
      userErrors {
        message
        field
      }
    }
  }
`)

/** Ships what is reserved from where it is held, or a part of it. */
export function ShipDialog(props: OrderDialogProps) {
  const { order, onClose } = props
  const held = order.lines.flatMap(({ sku, allocations }) =>
    allocations.map(({ qty, location: { code } }) => ({
      sku,
      location: code,
      choice: { key: `${sku} ${code}`, label: `${sku} from ${code}`, max: qty } satisfies Choice,
    })),
  )
  const choices = held.map(({ choice }) => choice)
  const [typed, setTyped] = useState(() => all(choices))
  const [reference, setReference] = useState('')
  const { write, call } = useVerb(ShipOrderDocument, props)

  const lines = held
    .map(({ sku, location, choice }) => ({ sku, location, qty: chosenOf(typed, choice) }))
    .filter(({ qty }) => qty > 0)
  const isWhole = choices.every((choice) => chosenOf(typed, choice) === choice.max)
  const places = new Set(lines.map(({ location }) => location)).size
  return (
    <VerbForm
      title="Ship"
      submit="Ship"
      write={write}
      lack={lines.length === 0 ? 'Say how many leave.' : undefined}
      consequence={
        <p>
          The goods leave the stock{places > 1 && `, as ${places} shipments: one a location`}. A shipment can
          be undone as long as they have not come back.
        </p>
      }
      onSubmit={() => call({ lines: isWhole ? null : lines, reference: reference.trim() || null }, 'Shipped')}
      onClose={onClose}
    >
      <Quantities legend="What leaves" choices={choices} typed={typed} onInput={setTyped} />
      <Field
        label="Tracking or reference"
        name="reference"
        value={reference}
        onInput={setReference}
        spellcheck={false}
        hint="The carrier with its number, or the shop’s own; may be left empty."
      />
    </VerbForm>
  )
}
