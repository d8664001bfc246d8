import { useState } from 'preact/hooks'
import { useLocation } from 'preact-iso/router'
import { graphql } from '../../api/graphql.ts'
import { useKey } from '../../api/use-key.ts'
import { useRead } from '../../api/use-read.ts'
import { useWrite } from '../../api/use-write.ts'
import { Field } from '../../components/field.tsx'
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
    return (await write.run({ input })) && `Item ${input.sku} is created`
  }
  return (
    <StockForm
      title="New item"
      submit="Create"
      write={write}
      consequence={
        quantity > 0 && at !== '' ? (
          <p>
            It begins with <Num value={quantity} /> at {at}, as a receipt in its ledger.
          </p>
        ) : null
      }
      onSubmit={create}
      onDone={() => route(itemPath(sku.trim()))}
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
      />
      <Field label="Name" name="name" required value={name} onInput={setName} />
      <Field
        label="On hand at the beginning"
        name="available"
        type="number"
        required
        min={0}
        max={2_000_000_000}
        value={available}
        onInput={setAvailable}
      />
      {quantity > 0 && (
        <LocationSelect label="Location" locations={locations} value={at} onInput={setLocation} />
      )}
    </StockForm>
  )
}
