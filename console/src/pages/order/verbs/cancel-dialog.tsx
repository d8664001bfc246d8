import { useState } from 'preact/hooks'
import { graphql } from '../../../api/graphql.ts'
import { useMay } from '../../../api/viewer.ts'
import { Field, Select } from '../../../components/field.tsx'
import type { OrderDialogProps } from './order-dialog-props.ts'
import { type Choice, chosenOf, goodsInWords, Quantities, type Typed } from './quantities.tsx'
import { useVerb } from './use-verb.ts'
import { VerbForm } from './verb-form.tsx'

const CancelOrderDocument = graphql(`
  mutation CancelOrder($input: CancelOrderInput!) {
    cancelOrder(input: $input) {
      order {
        id
        version
        status
      }
      userErrors {
        message
        field
      }
    }
  }
`)

const WHAT = [
  ['whole', 'All that is not shipped'],
  ['part', 'A part of it'],
] as const

/** Gives up an order, or a part of it. */
export function CancelDialog(props: OrderDialogProps) {
  const { order, onClose } = props
  const may = useMay()
  const [what, setWhat] = useState<string>('whole')
  const [typed, setTyped] = useState<Typed>({})
  const [note, setNote] = useState('')
  const { write, call } = useVerb(CancelOrderDocument, props)

  const choices = order.lines.flatMap(({ sku, waiting, reserved }): Choice[] =>
    waiting + reserved > 0 ? [{ key: sku, label: sku, max: waiting + reserved }] : [],
  )
  const isWhole = what === 'whole'
  const lines = choices
    .map((choice) => ({ sku: choice.key, qty: isWhole ? choice.max : chosenOf(typed, choice) }))
    .filter(({ qty }) => qty > 0)
  const goods = goodsInWords(lines)
  return (
    <VerbForm
      title="Cancel the order"
      submit="Cancel…"
      isDangerous
      write={write}
      lack={lines.length === 0 ? 'Say how many are cancelled.' : undefined}
      consequence={
        <p>
          Of each line what waits is given up first, then what is reserved: that is free for other orders at
          once. What was shipped stays shipped.
        </p>
      }
      question={{
        title: `Cancel ${goods}?`,
        text: 'This cannot be undone. To have the goods again, place another order.',
        confirm: 'Cancel the goods',
      }}
      onSubmit={() =>
        call({ lines: isWhole ? null : lines, note: note.trim() || null }, `${goods}: cancelled`)
      }
      onClose={onClose}
    >
      <Select label="What" name="what" value={what} options={WHAT} onInput={setWhat} />
      {!isWhole && <Quantities legend="How many" choices={choices} typed={typed} onInput={setTyped} />}
      {may('readNotes') && (
        <Field
          label="Note"
          name="note"
          value={note}
          onInput={setNote}
          hint="For the history. The customer does not see it."
        />
      )}
    </VerbForm>
  )
}
