import pg from 'pg'
import { it } from 'vitest'
import { createTestApp, listen, seed } from '../support/harness.ts'
import { reserveInventory } from '../../src/use-cases/reserve-inventory.ts'
import { adjustInventory } from '../../src/use-cases/adjust-inventory.ts'

it('scratch', async () => {
  const t = await createTestApp()
  const { url, http } = await listen(t)
  for (const s of ['A', 'B', 'C']) {
    await seed(t.app).item({ sku: s, available: 100 })
    for (let i = 0; i < 10; i++) {
      const o = await seed(t.app).order({ sku: s })
      await reserveInventory(t.app, [o.id])
    }
  }
  const original = pg.Client.prototype.query
  let log: string[] = []
  pg.Client.prototype.query = function (this: any, ...args: any[]) {
    const p = (original as any).apply(this, args)
    const q = args[0]
    const text = q.text ?? q
    const n = log.push(text + ' -- ' + JSON.stringify(q.values ?? args[1]))
    if (p?.then) p.then((r: any) => { log[n - 1] += ` => ${r.rows?.length} rows` }, () => {})
    return p
  } as any
  const run = async (query: string, variables?: any) => {
    log = []
    const r = await fetch(`${url}/graphql`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ query, variables }) })
    const text = await r.text()
    console.log(query, r.status, text.slice(0, 600), '\n  ' + log.join('\n  '))
  }
  await run('{ inventoryItems(first: 50) { edges { node { sku movements(first: 3) { edges { node { id delta } } pageInfo { hasNextPage } } } } } }')
  await run('{ orders(first: 5) { edges { node { id inventoryItem { sku available } movements { id } events { version } } } } }')
  await run('{ orders(first: 5, after: "xx") { edges { node { id } } } }')
  await run('{ orders(first: 5, after: "R1BDOlM6YWJj") { edges { node { id } } } }')
  await run('{ orders(first: 101) { edges { node { id } } } }')
  await run('{ orders(first: -1) { edges { node { id } } } }')
  await run('{ movements(sku: "A", first: 2, after: "R1BDOlM6YWJj") { edges { cursor node { id } } } }')
  await run('{ movements(sku: "A", first: 2) { edges { cursor node { id } } } }')
  await run('{ orders(first: 2) { edges { cursor node { id } } } }')
  await run('{ orders(first: 2, last: 2) { edges { cursor node { id } } } }')
  await run('{ orders(last: 2) { pageInfo {hasNextPage hasPreviousPage} edges { cursor node { id } } } }')
  await run('{ inventoryItem(sku: "A") { movements(first: 101) { edges { cursor node { id } } }} }')
  await run('{ inventoryItem(sku: "A") { movements(first: 2, after: "zz") { edges { cursor node { id } } }} }')
  await run('{ inventoryItem(sku: "A") { a: movements(first: 2) { edges { cursor node { id } } } b: movements(first: 3) { edges { cursor node { id order { id inventoryItem { sku movements(first: 1) { edges { node { id } } } } } } } }} }')
  await run('mutation { createOrder(input: {sku: "A", qty: 2147483648}) { order { id } userErrors { code } } }')
  await run('mutation { createOrder(input: {sku: "A", qty: 1}) { order { id inventoryItem { available movements(first: 2) { edges { node { id } } } } events { type } } userErrors { code } } }')
  await http.close(); await t.close()
})
