export type Claim = { id: string; sku: string; qty: number }

export type StockLevel = { sku: string; available: bigint }

export type Allocation<C extends Claim> = {
  /** Claims that got their whole quantity, each with what was left of its SKU right after it. */
  reserved: { claim: C; availableAfter: bigint }[]
  /** Claims that wanted more than there was when their turn came. They take nothing. */
  short: C[]
}

/**
 * Gives stock to claims, one after the other, all or nothing.
 *
 * A claim is short only if it wants more than is left at its turn; one behind it that fits still gets its own: stock
 * that is there is never refused.
 *
 * @param claims in the order of their turn
 * @param stock a level for each SKU that is claimed
 * @throws {Error} when a claimed SKU has no level: a bug in the caller
 */
export function allocate<C extends Claim>(claims: readonly C[], stock: readonly StockLevel[]): Allocation<C> {
  const remaining = new Map(stock.map((level) => [level.sku, level.available]))
  const allocation: Allocation<C> = { reserved: [], short: [] }
  for (const claim of claims) {
    const available = remaining.get(claim.sku)
    if (available === undefined) throw new Error(`No stock level for SKU ${claim.sku}`)
    const availableAfter = available - BigInt(claim.qty)
    if (availableAfter < 0n) {
      allocation.short.push(claim)
    } else {
      remaining.set(claim.sku, availableAfter)
      allocation.reserved.push({ claim, availableAfter })
    }
  }
  return allocation
}
