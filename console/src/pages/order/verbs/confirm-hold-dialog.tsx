import { graphql } from '../../../api/graphql.ts'
import type { OrderDialogProps } from './order-dialog-props.ts'
import { useVerb } from './use-verb.ts'
import { VerbForm } from './verb-form.tsx'

const ConfirmOrderDocument = graphql(`
  mutation ConfirmOrder($input: ConfirmOrderInput!) {
    confirmOrder(input: $input) {
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

/** Makes a hold firm. */
export function ConfirmHoldDialog(props: OrderDialogProps) {
  const { write, call } = useVerb(ConfirmOrderDocument, props)
  return (
    <VerbForm
      title="Confirm the hold"
      submit="Confirm…"
      write={write}
      consequence={<p>The order becomes firm: it expires no more, and can be shipped.</p>}
      question={{
        title: 'Make the order firm?',
        text: 'This cannot be undone: it never becomes a hold again. To give its stock back, cancel it.',
        confirm: 'Make it firm',
      }}
      onSubmit={() => call({}, 'The hold is confirmed')}
      onClose={props.onClose}
    />
  )
}
