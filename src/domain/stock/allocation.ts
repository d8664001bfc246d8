export type Claim = { id: string; sku: string; qty: number }

export type StockLevel = { sku: string; available: bigint }

export type Allocation<C extends Claim> = {
  /** Claims that got their whole quantity, each with what is available of its SKU after it. */
  reserved: { claim: C; availableAfter: bigint }[]
  /** Claims that wanted more than was available. They take nothing. */
  short: C[]
}

/**
 * Gives stock to claims, one after the other, each all or nothing.
 *
 * A claim is short only if it wants more than the claims before it have left. A smaller claim behind a short one still gets its
 * quantity, so available stock is never refused.
 *
 * @param claims in the order in which they get stock
 * @param stock a level for each claimed SKU
 * @throws {Error} if a claimed SKU has no level: a bug in the caller
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
