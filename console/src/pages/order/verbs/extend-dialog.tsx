import { useState } from 'preact/hooks'
import { graphql } from '../../../api/graphql.ts'
import { Field, Select } from '../../../components/field.tsx'
import { Time } from '../../../components/values.tsx'
import type { OrderDialogProps } from './order-dialog-props.ts'
import { useVerb } from './use-verb.ts'
import { VerbForm } from './verb-form.tsx'

const ExtendHoldDocument = graphql(`
  mutation ExtendHold($input: ExtendHoldInput!) {
    extendHold(input: $input) {
      order {
        id
        version
        status
        expiresAt
      }
      userErrors {
        message
        field
      }
    }
  }
`)

/** In seconds. */
const UNITS = [
  ['60', 'minutes'],
  ['3600', 'hours'],
  ['86400', 'days'],
] as const

/** Lets a hold expire at another time. */
export function ExtendDialog(props: OrderDialogProps) {
  const [amount, setAmount] = useState('30')
  const [unit, setUnit] = useState<string>(UNITS[0][0])
  const { write, call } = useVerb(ExtendHoldDocument, props)
  const holdSeconds = Number(amount) * Number(unit)
  const { expiresAt } = props.order
  return (
    <VerbForm
      title="Extend the hold"
      submit="Extend"
      write={write}
      consequence={
        <p>
          It will expire that long from now, and not <Time at={expiresAt!} />: also sooner, if that is less.
          What it holds is free again then, unless it is confirmed.
        </p>
      }
      onSubmit={() => call({ holdSeconds }, 'The hold is extended')}
      onClose={props.onClose}
    >
      <div class="side-by-side">
        <Field
          label="From now"
          name="holdSeconds"
          type="number"
          required
          min={1}
          value={amount}
          onInput={setAmount}
        />
        <Select label="Unit" name="unit" value={unit} options={UNITS} onInput={setUnit} />
      </div>
    </VerbForm>
  )
}
