import { useState } from 'preact/hooks'
import { useLocation } from 'preact-iso/router'
import { Button } from '../../components/button.tsx'
import { Field, Select } from '../../components/field.tsx'
import { itemPath } from '../../components/links.tsx'
import { withQuery } from '../../query-string.ts'

/** As they stand in the address, with what each asks for. */
const STATES = {
  low: { text: 'Low', filter: { isLow: true } },
  out: { text: 'Out', filter: { isOut: true } },
  backordered: { text: 'Backordered', filter: { isBackordered: true } },
} as const

const OPTIONS = [
  ['', 'Any'] as const,
  ...Object.entries(STATES).map(([state, { text }]) => [state, text] as const),
]

type ItemFilter = { skuPrefix?: string; isLow?: true; isOut?: true; isBackordered?: true }

/** Reads the filters that stand in the address. */
export function toItemFilter({ sku, state = '' }: Record<string, string | undefined>): ItemFilter {
  return {
    ...(sku && { skuPrefix: sku }),
    ...(state in STATES && STATES[state as keyof typeof STATES].filter),
  }
}

/** Sets the filters in the address, so that a list can be linked to and the back button goes back. */
export function StockFilters() {
  const { path, query, route } = useLocation()
  const [sku, setSku] = useState(query.sku ?? '')
  const [state, setState] = useState(query.state ?? '')
  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    route(withQuery(path, { sku: sku.trim(), state }))
  }
  return (
    <div class="filters">
      <form class="filter-form" onSubmit={submit} aria-label="Filter">
        <Field label="SKU begins with" name="sku" value={sku} onInput={setSku} spellcheck={false} />
        <Select label="State" name="state" value={state} options={OPTIONS} onInput={setState} />
        <Button type="submit">Filter</Button>
      </form>
      <GoToItem />
    </div>
  )
}

/** Opens an item by its SKU, as a label or a log has it. */
function GoToItem() {
  const { route } = useLocation()
  const [sku, setSku] = useState('')
  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    route(itemPath(sku.trim()))
  }
  return (
    <form class="filter-form" onSubmit={submit} aria-label="Go to an item">
      <Field label="Whole SKU" name="whole" required value={sku} onInput={setSku} spellcheck={false} />
      <Button type="submit" variant="plain">
        Open
      </Button>
    </form>
  )
}
