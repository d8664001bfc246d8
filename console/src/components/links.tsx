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

/** A location, as a link to its row among all. @param code what stands there */
export function LocationLink({ code }: { code: string }) {
  return (
    <a href={`/console/locations#${code}`}>
      <code>{code}</code>
    </a>
  )
}

/** Returns the address of a webhook's page. */
export function webhookPath(id: string): string {
  return `/console/webhooks/${id}`
}

/** Returns the address of what a webhook's event is about, which its id says; undefined for a test, which is about nothing. */
export function eventPath(eventId: string): string | undefined {
  const [, orderId, version] = /^evt_([\da-f-]{36})_(\d+)/.exec(eventId) ?? []
  if (orderId) return `/console/orders/${orderId}#version-${version}`
  const [, movementId] = /^evt_m(\d+)/.exec(eventId) ?? []
  return movementId && `/console/movements/${movementId}`
}
