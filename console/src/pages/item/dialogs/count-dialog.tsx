import { useEffect, useState } from 'preact/hooks'
import { queries } from '../../../api/client.ts'
import { reconnections } from '../../../api/connection.ts'
import { graphql } from '../../../api/graphql.ts'
import { useKey } from '../../../api/use-key.ts'
import { useWrite } from '../../../api/use-write.ts'
import { Field } from '../../../components/field.tsx'
import { Num } from '../../../components/values.tsx'
import { levelAt } from '../levels.tsx'
import { LocationSelect } from '../location-select.tsx'
import { StockForm } from '../stock-form.tsx'
import { CountConsequence } from './count-consequence.tsx'
import { CountDocument, useCountPreview } from './count-preview.ts'
import { orNull, toWhole } from './goes.tsx'
import type { StockDialogProps } from './stock-dialog-props.ts'
import { TakeBack } from './take-back.tsx'

const CountSheetDocument = graphql(`
  query CountSheet($sku: String!, $location: String!) {
    movements(sku: $sku, location: $location, first: 1) {
      edges {
        node {
          id
          onHandAfter
        }
      }
    }
  }
`)

/** Corrects what is on hand to what was counted. */
export function CountDialog(props: StockDialogProps) {
  const { item, locations, location, setLocation, onDone, onClose } = props
  const idempotencyKey = useKey()
  const sheet = useCountSheet(item.sku, location)
  const [counted, setCounted] = useState('')
  const [reason, setReason] = useState('Count')
  const [reference, setReference] = useState('')
  const [takesBack, setTakesBack] = useState(false)
  const write = useWrite(CountDocument)
  const found = toWhole(counted)
  const input = {
    location,
    counts: [{ sku: item.sku, counted: found ?? 0, asOf: sheet?.asOf ?? null }],
    onShortfall: takesBack ? ('UNRESERVE_NEWEST' as const) : ('REFUSE' as const),
  }
  const preview = useCountPreview(
    found !== undefined && found >= 0 && sheet ? input : null,
    // what comes of it changes with what is there
    levelAt(item.levels, location).onHand,
  )

  const count = async () => {
    const texts = { reason: reason.trim(), reference: orNull(reference) }
    const done = await write.run({ input: { ...input, ...texts, idempotencyKey } })
    return done && inWords(done, location)
  }
  return (
    <StockForm
      title={`Count ${item.sku}`}
      submit="Correct"
      isDangerous={takesBack}
      // what it is compared with is not known yet
      write={sheet ? write : { ...write, isRunning: true }}
      consequence={preview && <CountConsequence preview={preview} location={location} />}
      onSubmit={count}
      onDone={onDone}
      onClose={onClose}
    >
      <Field
        label="Counted"
        name="counted"
        type="number"
        required
        min={0}
        value={counted}
        onInput={setCounted}
        hint="All that lies there, promised to orders or not."
      />
      <LocationSelect label="Location" locations={locations} value={location} onInput={setLocation} />
      {sheet && (
        <p class="muted">
          Compared with the <Num value={sheet.onHand} /> on hand when you began
          {sheet.asOf === '0' ? '' : `, as of movement #${sheet.asOf}`}. What moves while you count is neither
          lost nor counted twice.
        </p>
      )}
      <Field label="Reason" name="reason" required value={reason} onInput={setReason} />
      <Field label="Reference" name="reference" value={reference} onInput={setReference} />
      {(takesBack || preview?.isShort) && <TakeBack isChecked={takesBack} onInput={setTakesBack} />}
    </StockForm>
  )
}

type Counted = {
  results: readonly { before: number | null; after: number | null }[]
  unreserved: readonly unknown[]
}

function inWords({ results: [result], unreserved }: Counted, location: string): string {
  const { before, after } = result!
  if (before === after) return `Counted at ${location}: nothing to correct`
  const count = unreserved.length
  const orders =
    count === 0 ? '' : count === 1 ? '; 1 order waits again' : `; ${count.toLocaleString()} orders wait again`
  return `Counted at ${location}: ${after?.toLocaleString()} on hand, ${before?.toLocaleString()} before${orders}`
}

/** What was known when somebody began to count: the newest movement, and what was on hand after it. */
type Sheet = { asOf: string; onHand: number }

/** Reads what a count is compared with: once for each location, when it is chosen first. */
function useCountSheet(sku: string, location: string): Sheet | undefined {
  const [sheets, setSheets] = useState<Record<string, Sheet>>({})
  const sheet = sheets[location]
  useEffect(() => {
    if (sheet) return
    let isLeft = false
    const read = async () => {
      const context = { requestPolicy: 'network-only' } as const
      const { data } = await queries.query(CountSheetDocument, { sku, location }, context)
      if (isLeft || !data) return
      const newest = data.movements.edges[0]?.node
      const begun = { asOf: newest?.id ?? '0', onHand: newest?.onHandAfter ?? 0 }
      setSheets((before) => ({ ...before, [location]: begun }))
    }
    void read()
    return () => {
      isLeft = true
    }
  }, [sku, location, sheet, reconnections.value])
  return sheet
}
