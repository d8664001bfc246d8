import { useState } from 'preact/hooks'
import { graphql } from '../../../api/graphql.ts'
import { useKey } from '../../../api/use-key.ts'
import { useWrite } from '../../../api/use-write.ts'
import { Field } from '../../../components/field.tsx'
import { Num } from '../../../components/values.tsx'
import { levelAt } from '../levels.tsx'
import { LocationSelect } from '../location-select.tsx'
import { StockForm } from '../stock-form.tsx'
import { Goes, orNull, toWhole } from './goes.tsx'
import type { StockDialogProps } from './stock-dialog-props.ts'
import { TakeBack } from './take-back.tsx'

const AdjustDocument = graphql(`
  mutation AdjustStock($input: AdjustInventoryInput!) {
    adjustInventory(input: $input) {
      movement {
        id
        onHandAfter
      }
      userErrors {
        message
        field
      }
    }
  }
`)

/** Adds to what is available, or takes from it. */
export function AdjustDialog(props: StockDialogProps) {
  const { item, locations, location, setLocation, onDone, onClose } = props
  const idempotencyKey = useKey()
  const [delta, setDelta] = useState('')
  const [reason, setReason] = useState('')
  const [reference, setReference] = useState('')
  const [takesBack, setTakesBack] = useState(false)
  const write = useWrite(AdjustDocument)
  const { available, onHand } = levelAt(item.levels, location)
  const change = toWhole(delta) ?? 0
  const shortBy = Math.max(0, -(available + change))
  const isPossible = onHand + change >= 0

  const adjust = async () => {
    const input = {
      sku: item.sku,
      location,
      delta: Number(delta),
      reason: reason.trim(),
      reference: orNull(reference),
      onShortfall: takesBack && shortBy > 0 ? ('UNRESERVE_NEWEST' as const) : ('REFUSE' as const),
      idempotencyKey,
    }
    const done = await write.run({ input })
    return done && `Adjusted at ${location}: ${done.movement!.onHandAfter.toLocaleString()} on hand`
  }
  return (
    <StockForm
      title={`Adjust ${item.sku}`}
      submit="Adjust"
      isDangerous={takesBack && shortBy > 0}
      write={write}
      consequence={
        change !== 0 && (
          <Consequence
            location={location}
            available={available}
            onHand={onHand}
            change={change}
            takesBack={takesBack}
          />
        )
      }
      onSubmit={adjust}
      onDone={onDone}
      onClose={onClose}
    >
      <Field
        label="Change"
        name="delta"
        type="number"
        required
        value={delta}
        onInput={setDelta}
        hint="What to add; below zero to take away, as -5."
      />
      <LocationSelect label="Location" locations={locations} value={location} onInput={setLocation} />
      <Field
        label="Reason"
        name="reason"
        required
        value={reason}
        onInput={setReason}
        hint="For the ledger, such as “broken”."
      />
      <Field label="Reference" name="reference" value={reference} onInput={setReference} />
      {shortBy > 0 && isPossible && <TakeBack isChecked={takesBack} onInput={setTakesBack} />}
    </StockForm>
  )
}

type ConsequenceProps = {
  location: string
  available: number
  onHand: number
  change: number
  takesBack: boolean
}

function Consequence({ location, available, onHand, change, takesBack }: ConsequenceProps) {
  const shortBy = Math.max(0, -(available + change))
  if (onHand + change < 0) {
    return (
      <p>
        There are only <Num value={onHand} /> at {location}.
      </p>
    )
  }
  if (shortBy > 0 && !takesBack) {
    return (
      <p>
        It will be refused: only <Num value={available} /> are available at {location}, the other{' '}
        <Num value={onHand - available} /> are promised to orders.
      </p>
    )
  }
  return (
    <>
      <Goes what="On hand" at={location} from={onHand} to={onHand + change} />
      <Goes what="Available" at={location} from={available} to={Math.max(0, available + change)} />
      {shortBy > 0 && (
        <p>
          Promises of at least <Num value={shortBy} /> are taken back from the newest orders, which wait
          again.
        </p>
      )}
    </>
  )
}
