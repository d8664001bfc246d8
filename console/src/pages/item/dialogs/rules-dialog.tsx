import { useEffect, useState } from 'preact/hooks'
import { graphql } from '../../../api/graphql.ts'
import { useWrite } from '../../../api/use-write.ts'
import { Field } from '../../../components/field.tsx'
import { Num } from '../../../components/values.tsx'
import { levelAt } from '../levels.tsx'
import { LocationSelect } from '../location-select.tsx'
import { StockForm } from '../stock-form.tsx'
import { Goes, toWhole } from './goes.tsx'
import type { StockDialogProps } from './stock-dialog-props.ts'

const RulesDocument = graphql(`
  mutation SetStockRules($input: SetStockRulesInput!) {
    setStockRules(input: $input) {
      inventoryItem {
        id
        lowStockAt
      }
      userErrors {
        message
        field
      }
    }
  }
`)

/** Sets what is never promised of an item, and when it is low. It needs no key: a second time it sets the same. */
export function RulesDialog(props: StockDialogProps) {
  const { item, locations, location, setLocation, onDone, onClose } = props
  const { available, safetyStock } = levelAt(item.levels, location)
  const [lowAt, setLowAt] = useState(item.lowStockAt === null ? '' : String(item.lowStockAt))
  const [safety, setSafety] = useState('')
  // each location has its own
  useEffect(() => setSafety(String(safetyStock)), [location])
  const write = useWrite(RulesDocument)
  const kept = toWhole(safety) ?? 0
  const low = toWhole(lowAt)

  const save = async () => {
    const input = { sku: item.sku, location, safetyStock: kept, lowStockAt: low ?? null }
    return (await write.run({ input })) && `The rules of ${item.sku} are set`
  }
  return (
    <StockForm
      title={`Rules of ${item.sku}`}
      submit="Set"
      write={write}
      consequence={
        <>
          <p>
            {low === undefined ? (
              'The item never counts as low.'
            ) : (
              <>
                The item counts as low once no more than <Num value={low} /> can be promised: now it is{' '}
                <Num value={item.availableToPromise} />.
              </>
            )}
          </p>
          {kept !== safetyStock && (
            <Goes
              what="What can be promised"
              at={location}
              from={Math.max(0, available - safetyStock)}
              to={Math.max(0, available - kept)}
            />
          )}
        </>
      }
      onSubmit={save}
      onDone={onDone}
      onClose={onClose}
    >
      <Field
        label="Low at"
        name="lowStockAt"
        type="number"
        min={0}
        value={lowAt}
        onInput={setLowAt}
        hint="Over all active locations. Empty for never."
      />
      <LocationSelect
        label="Location"
        locations={locations}
        value={location}
        onInput={setLocation}
        hint="Of the safety stock alone."
      />
      <Field
        label="Safety stock"
        name="safetyStock"
        type="number"
        min={0}
        value={safety}
        onInput={setSafety}
        hint={`What is never promised of what is available at ${location}.`}
      />
    </StockForm>
  )
}
