import type { VariablesOf } from 'gql.tada'
import { useState } from 'preact/hooks'
import { graphql } from '../../../api/graphql.ts'
import { useRead } from '../../../api/use-read.ts'
import { Field, Select } from '../../../components/field.tsx'
import type { OrderDialogProps } from './order-dialog-props.ts'
import { type Choice, chosenOf, goodsInWords, Quantities, type Typed } from './quantities.tsx'
import { useVerb } from './use-verb.ts'
import { VerbForm } from './verb-form.tsx'

const ReturnOrderDocument = graphql(`
  mutation ReturnOrder($input: ReturnOrderInput!) {
    returnOrder(input: $input) {
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

const ReturnLocationsDocument = graphql(`
  query ReturnLocations {
    locations {
      id
      code
    }
  }
`)

type ReturnInput = VariablesOf<typeof ReturnOrderDocument>['input']
type Disposition = NonNullable<ReturnInput['lines'][number]['disposition']>

const DISPOSITIONS: readonly (readonly [Disposition, string])[] = [
  ['RESTOCK', 'Back into stock'],
  ['DISCARD', 'Thrown away'],
]
const ORIGIN = ['', 'Where they were shipped from'] as const

/** Takes goods back that were shipped. */
export function ReturnDialog(props: OrderDialogProps) {
  const { order, onClose } = props
  const [typed, setTyped] = useState<Typed>({})
  const [disposition, setDisposition] = useState<string>('RESTOCK')
  const [location, setLocation] = useState('')
  const [note, setNote] = useState('')
  const { data } = useRead(ReturnLocationsDocument, {})
  const { write, call } = useVerb(ReturnOrderDocument, props)

  const choices = order.lines.flatMap(({ sku, shipped, returned }): Choice[] =>
    shipped > returned ? [{ key: sku, label: sku, max: shipped - returned }] : [],
  )
  const goods = choices
    .map((choice) => ({ sku: choice.key, qty: chosenOf(typed, choice) }))
    .filter(({ qty }) => qty > 0)
  const lines = goods.map((line) => ({ ...line, disposition: disposition as Disposition }))
  const isRestocked = disposition === 'RESTOCK'
  const words = goodsInWords(goods)
  return (
    <VerbForm
      title="Take goods back"
      submit="Take back…"
      isDangerous
      write={write}
      lack={lines.length === 0 ? 'Say how many came back.' : undefined}
      consequence={
        <p>
          {isRestocked
            ? 'They are available again, and serve who waits for them.'
            : 'They never come into stock again: only the history of the order tells of them.'}{' '}
          The order stays shipped.
        </p>
      }
      question={{
        title: `Take ${words} back?`,
        text: `This cannot be undone. ${isRestocked ? 'They can be promised to others at once.' : 'They are gone.'}`,
        confirm: 'Take them back',
      }}
      onSubmit={() =>
        call(
          { lines, location: (isRestocked && location) || null, note: note.trim() || null },
          `${words}: taken back`,
        )
      }
      onClose={onClose}
    >
      <Quantities legend="What came back" choices={choices} typed={typed} onInput={setTyped} />
      <Select
        label="What becomes of them"
        name="disposition"
        value={disposition}
        options={DISPOSITIONS}
        onInput={setDisposition}
      />
      {isRestocked && (
        <Select
          label="Where they come to"
          name="location"
          value={location}
          options={[ORIGIN, ...(data?.locations ?? []).map(({ code }) => [code, code] as const)]}
          onInput={setLocation}
        />
      )}
      <Field
        label="Note"
        name="note"
        value={note}
        onInput={setNote}
        hint="Why, for the history. The customer does not see it."
      />
    </VerbForm>
  )
}
