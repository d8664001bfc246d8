import { useState } from 'preact/hooks'
import { graphql } from '../../../api/graphql.ts'
import { Field } from '../../../components/field.tsx'
import { Goods, type Shipment } from '../shipments.tsx'
import type { OrderDialogProps } from './order-dialog-props.ts'
import { useVerb } from './use-verb.ts'
import { VerbForm } from './verb-form.tsx'

const UndoShipmentDocument = graphql(`
  mutation UndoShipment($input: UndoShipmentInput!) {
    undoShipment(input: $input) {
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

/** Takes a shipment back that did not leave after all. */
export function UndoDialog({ shipment, ...props }: OrderDialogProps & { shipment: Shipment }) {
  const [note, setNote] = useState('')
  const { write, call } = useVerb(UndoShipmentDocument, {
    ...props,
    // the key of the call is the shipment's; the version is the order's
    order: { ...props.order, id: shipment.id },
  })
  return (
    <VerbForm
      title="Undo the shipment"
      submit="Undo it"
      isDangerous
      write={write}
      consequence={
        <p>
          <Goods lines={shipment.lines} /> are on hand at {shipment.location.code} again, and promised to this
          order again. The shipment stays in the list as undone; the goods can be shipped anew, as another
          one.
        </p>
      }
      onSubmit={() => call({ note: note.trim() || null }, 'The shipment is undone')}
      onClose={props.onClose}
    >
      <Field label="Note" name="note" value={note} onInput={setNote} hint="Why, for the history." />
    </VerbForm>
  )
}
