import { prepare, type Queryable } from '../statement.ts'

/** Matches items for which all of it holds; null matches every item. */
type ItemFilter = {
  skuPrefix: string | null
  isLow: boolean | null
  isOut: boolean | null
  /** Whether orders wait for the item. */
  isBackordered: boolean | null
}

/** A page of a list of items: at most `sizeMax` of them, next to `cursor`, or at the list's beginning or end without one. */
export type ItemPage = ItemFilter & {
  /** The SKU next to the page, not on it; null for none. */
  cursor: string | null
  /** `later`: items behind the cursor. `earlier`: items before it. */
  direction: 'later' | 'earlier'
  sizeMax: number
}

/** Reads a page of items. @returns their SKUs, in the order of their bytes, whatever language the database sorts by */
export async function findItemPage(on: Queryable, page: ItemPage): Promise<string[]> {
  const { skuPrefix, cursor, direction, sizeMax } = page
  const values = [cursor, sizeMax, ...(skuPrefix === null ? [] : [skuPrefix, endOf(skuPrefix)])]
  const rows = await listOf(page)(on, ...values)
  const skus = rows.map(({ sku }) => sku)
  return direction === 'later' ? skus : skus.reverse()
}

/** Returns the first text that sorts behind every text with the prefix, by bytes. SKUs are ASCII. */
function endOf(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)
}

type List = (on: Queryable, ...values: unknown[]) => Promise<{ sku: string }[]>

const lists = new Map<string, List>()

/** Returns the statement of a filter: each has its own, whose conditions match an index. */
function listOf(page: ItemPage): List {
  const { skuPrefix, isLow, isOut, isBackordered, direction, cursor } = page
  const flags = Object.entries({ low: isLow, out: isOut, backordered: isBackordered }).flatMap(
    ([name, value]) => (value === null ? [] : [value ? name : `un${name}`]),
  )
  const start = cursor === null ? 'first' : 'next'
  const name = ['list', start, direction, ...flags, ...(skuPrefix === null ? [] : ['prefix']), 'items'].join(
    '-',
  )
  const known = lists.get(name)
  if (known) return known
  const list = prepare<unknown[], { sku: string }>(name, textOf(page))
  lists.set(name, list)
  return list
}

const IS_QUEUED = 'order_lines.queued_qty is not null and order_lines.queued_qty > 0'

// a scalar, so PostgreSQL looks it up for each item: with `exists` it joined all lines that wait
const WAITING = `(select true from order_lines where order_lines.sku = items.sku and ${IS_QUEUED} limit 1)`

// walks from SKU to SKU, because 100,000 lines may wait for one. Lateral: with a plain join PostgreSQL read all items
const QUEUED_ITEMS = `(
    with recursive queue as (
      (select order_lines.sku from order_lines where ${IS_QUEUED} order by order_lines.sku limit 1)
      union all
      select (
        select order_lines.sku from order_lines where ${IS_QUEUED} and order_lines.sku > queue.sku
        order by order_lines.sku limit 1
      )
      from queue where queue.sku is not null
    )
    select item.* from queue cross join lateral (select * from items where items.sku = queue.sku limit 1) as item
  ) as items`

// Null means not judged: nothing of the item ever moved, or its first goods are being given to waiting orders. The first condition is
// that of the index
const IS_OUT = `items.is_out is not false
    and (items.is_out is true or (select true from inventory_movements where inventory_movements.sku = items.sku limit 1) is null)`

// a range by bytes: in the order of a language, SKUs with one prefix are not together
const IN_PREFIX = 'items.sku ~>=~ $3 and items.sku ~<~ $4'

function textOf({ skuPrefix, isLow, isOut, isBackordered, direction, cursor }: ItemPage): string {
  const [beyond, sort] = direction === 'later' ? ['~>~', '~<~'] : ['~<~', '~>~']
  const conditions = [
    cursor === null ? '$1::text is null' : `items.sku ${beyond} $1`,
    skuPrefix === null ? undefined : IN_PREFIX,
    isLow === null ? undefined : isLow ? 'items.is_low' : 'not items.is_low',
    isOut === null ? undefined : isOut ? IS_OUT : `not (${IS_OUT})`,
    isBackordered === false ? `${WAITING} is null` : undefined,
  ]
  return `select items.sku from ${isBackordered ? QUEUED_ITEMS : 'items'}
  where ${conditions.filter(Boolean).join(' and ')}
  order by items.sku using ${sort}
  limit $2::int`
}
