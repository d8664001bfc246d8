import { useState } from 'preact/hooks'
import { useLocation } from 'preact-iso/router'
import type { Role } from '../../api/may.ts'
import { Button } from '../../components/button.tsx'
import { Field, Select } from '../../components/field.tsx'
import { STATUS_OPTIONS } from '../../components/status-badge.tsx'
import { withQuery } from '../../query-string.ts'

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i
const ANY_STATUS = ['', 'Any'] as const

/** Sets the filters in the address, so that a list can be linked to and the back button goes back. */
export function OrderFilters({ role }: { role: Role }) {
  const { path, query, route } = useLocation()
  const { status = '', sku = '', customer = '', reference = '' } = query
  const [filters, setFilters] = useState({ status, sku, customer, reference })
  const set = (name: keyof typeof filters) => (value: string) => setFilters({ ...filters, [name]: value })
  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    const trimmed = Object.entries(filters).map(([name, value]) => [name, value.trim()] as const)
    route(withQuery(path, Object.fromEntries(trimmed)))
  }
  return (
    <div class="filters">
      <form class="filter-form" onSubmit={submit} aria-label="Filter">
        <Select
          label="State"
          name="status"
          value={filters.status}
          options={[ANY_STATUS, ...STATUS_OPTIONS]}
          onInput={set('status')}
        />
        <Field label="SKU" name="sku" value={filters.sku} onInput={set('sku')} spellcheck={false} />
        {role !== 'CUSTOMER' && (
          <Field label="Customer" name="customer" value={filters.customer} onInput={set('customer')} />
        )}
        <Field label="Reference" name="reference" value={filters.reference} onInput={set('reference')} />
        <Button type="submit">Filter</Button>
      </form>
      <GoToOrder />
    </div>
  )
}

/** Opens an order by its id, as a customer or a log has it. */
function GoToOrder() {
  const { route } = useLocation()
  const [id, setId] = useState('')
  const [error, setError] = useState<string>()
  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    const pasted = id.trim().toLowerCase()
    if (UUID.test(pasted)) route(`/console/orders/${pasted}`)
    else setError('Paste the whole id: 36 characters, such as 01890a5d-ac96-774b-bcce-b302099a8057.')
  }
  return (
    <form class="filter-form" onSubmit={submit} aria-label="Go to an order">
      <Field label="Order id" name="id" value={id} onInput={setId} error={error} spellcheck={false} />
      <Button type="submit" variant="plain">
        Open
      </Button>
    </form>
  )
}
