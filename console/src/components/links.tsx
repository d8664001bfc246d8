import { useMay } from '../api/viewer.ts'

/** A SKU, as a link to its item. */
export function ItemLink({ sku }: { sku: string }) {
  return (
    <a href={itemPath(sku)} class="id">
      {sku}
    </a>
  )
}

/** A SKU, as a link to its item for who has that page. */
export function SkuLink({ sku }: { sku: string }) {
  return useMay()('readLedger') ? <ItemLink sku={sku} /> : <span class="id">{sku}</span>
}

/** Returns the address of an item's page. */
export function itemPath(sku: string): string {
  return `/console/stock/${encodeURIComponent(sku)}`
}

/** An order, as a link. The last part of an id tells orders apart: the first is the time, which those of one moment share. */
export function OrderLink({ id }: { id: string }) {
  return (
    <a href={`/console/orders/${id}`} class="id" title={id} aria-label={`Order ${id}`}>
      …{id.slice(-12)}
    </a>
  )
}

/** Returns the address of a webhook's page. */
export function webhookPath(id: string): string {
  return `/console/webhooks/${id}`
}
