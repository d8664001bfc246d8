/** A SKU, as a link to its item. */
export function ItemLink({ sku }: { sku: string }) {
  return (
    <a href={`/console/stock/${encodeURIComponent(sku)}`} class="id">
      {sku}
    </a>
  )
}
