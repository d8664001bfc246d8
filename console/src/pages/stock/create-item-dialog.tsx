import { useState } from 'preact/hooks'
import { useLocation } from 'preact-iso/router'
import { graphql } from '../../api/graphql.ts'
import { useKey } from '../../api/use-key.ts'
import { useRead } from '../../api/use-read.ts'
import { useWrite } from '../../api/use-write.ts'
import { announce } from '../../components/announcer.tsx'
import { errorOf, Field } from '../../components/field.tsx'
import { itemPath } from '../../components/links.tsx'
import { Num } from '../../components/values.tsx'
import { LocationSelect, PlaceFields } from '../item/location-select.tsx'
import { StockForm } from '../item/stock-form.tsx'

const CreateItemDocument = graphql(`
  mutation CreateItem($input: CreateInventoryItemInput!) {
    createInventoryItem(input: $input) {
      inventoryItem {
        id
        sku
      }
      userErrors {
        message
        field
      }
    }
  }
`)

const PlacesDocument = graphql(
  `
    query Places {
      locations {
        ...PlaceFields
      }
    }
  `,
  [PlaceFields],
)

/** Creates an item, and leads to its page. */
export function CreateItemDialog({ onClose }: { onClose: () => void }) {
  const { route } = useLocation()
  const idempotencyKey = useKey()
  const locations = useRead(PlacesDocument, {}).data?.locations ?? []
  const [sku, setSku] = useState('')
  const [name, setName] = useState('')
  const [available, setAvailable] = useState('0')
  const [location, setLocation] = useState<string>()
  const write = useWrite(CreateItemDocument)
  const { userErrors, run } = write
  const at = location ?? locations.find(({ isDefault }) => isDefault)?.code ?? ''
  const quantity = Number(available)

  const create = async () => {
    const input = {
      sku: sku.trim(),
      name: name.trim(),
      available: quantity,
      location: at || null,
      idempotencyKey,
    }
    const created = await run({ input })
    if (!created) return
    announce(`Item ${input.sku} is created`)
    onClose()
    route(itemPath(input.sku))
  }
  return (
    <StockForm
      title="New item"
      submit="Create"
      write={write}
      shown={['sku', 'name', 'available', 'location']}
      consequence={
        quantity > 0 && at !== '' ? (
          <p>
            It begins with <Num value={quantity} /> at {at}, as a receipt in its ledger.
          </p>
        ) : null
      }
      onSubmit={() => void create()}
      onClose={onClose}
    >
      <Field
        label="SKU"
        name="sku"
        required
        value={sku}
        onInput={setSku}
        spellcheck={false}
        hint={'1 to 64 letters, digits, ".", "_" and "-". It cannot be changed later.'}
        error={errorOf(userErrors, 'sku')}
      />
      <Field
        label="Name"
        name="name"
        required
        value={name}
        onInput={setName}
        error={errorOf(userErrors, 'name')}
      />
      <Field
        label="On hand at the beginning"
        name="available"
        type="number"
        required
        min={0}
        max={2_000_000_000}
        value={available}
        onInput={setAvailable}
        error={errorOf(userErrors, 'available')}
      />
      {quantity > 0 && (
        <LocationSelect
          label="Location"
          locations={locations}
          value={at}
          onInput={setLocation}
          error={errorOf(userErrors, 'location')}
        />
      )}
    </StockForm>
  )
}
