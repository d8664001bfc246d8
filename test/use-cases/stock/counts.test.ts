import { describe, expect } from 'vitest'
import type { App } from '../../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import { shipOrder } from '../../../src/use-cases/orders/verbs/ship-order.ts'
import { test } from '../../support/fixtures.ts'
import { seed } from '../../support/harness.ts'
import { readItem } from '../../support/read-stock.ts'
import { by, changeRows, counted, readOrder, reserve } from './change-rows.ts'

/** The id of the newest movement of an item. */
const newestOf = async (app: App, sku = 'A') =>
  (await app.prisma.inventoryMovement.findFirstOrThrow({ where: { sku }, orderBy: { id: 'desc' } })).id

describe('a count', () => {
  test('neither loses nor doubles what moved since the movement that its sheet knew', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    await reserve(app, 4)
    const asOf = await newestOf(app)
    const id = await reserve(app, 2)
    await shipOrder(app, LOCAL_OPERATOR, { id })
    await changeRows(app, [by(5)])
    // ten were to be on hand; two left and five came since
    const { outcomes } = await changeRows(app, [counted(9n, asOf)])
    expect(outcomes).toMatchObject([{ before: 13n, after: 12n, movement: { type: 'COUNT', delta: -1 } }])
    expect(await readItem(app, 'A')).toMatchObject({ available: 8n, reserved: 4n })
  })

  test('that is sent twice corrects once', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    const asOf = await newestOf(app)
    await changeRows(app, [by(-3), counted(8n, asOf)])
    expect(await readItem(app, 'A')).toMatchObject({ available: 5n })
    const again = await changeRows(app, [counted(8n, asOf), counted(8n, asOf)])
    expect(again.outcomes).toMatchObject([
      { before: 5n, after: 5n, movement: null, userErrors: [] },
      { before: 5n, after: 5n, movement: null, userErrors: [] },
    ])
    await changeRows(app, [counted(9n, asOf), counted(7n, asOf)])
    expect(await readItem(app, 'A')).toMatchObject({ available: 4n })
  })

  test('is compared with nothing before the first movement, and with no movement of another level', async ({
    app,
  }) => {
    await seed(app).location('WEST')
    await seed(app).item({ sku: 'A', available: 10 })
    await seed(app).stock({ sku: 'A', location: 'WEST', qty: 1 })
    const { outcomes } = await changeRows(app, [counted(2n, 0n)])
    expect(outcomes).toMatchObject([{ before: 10n, after: 12n }])
    const refused = await changeRows(app, [
      counted(2n, await newestOf(app), { location: 'WEST' }),
      counted(2n, 999_999n),
    ])
    expect(refused.outcomes).toMatchObject([
      { userErrors: [{ code: 'STALE_EXPECTATION', field: ['asOf'] }] },
      { userErrors: [{ code: 'STALE_EXPECTATION', field: ['asOf'] }] },
    ])
  })

  test('below what is promised is refused, with the least that would go', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    await reserve(app, 4)
    const { outcomes } = await changeRows(app, [counted(3n)])
    expect(outcomes).toMatchObject([
      { userErrors: [{ code: 'INSUFFICIENT_STOCK', field: ['counted'], limit: 4n }] },
    ])
    expect((await changeRows(app, [counted(4n)])).outcomes).toMatchObject([{ after: 4n }])
    const asOf = await newestOf(app)
    await changeRows(app, [by(3)])
    expect((await changeRows(app, [counted(0n, asOf)])).outcomes).toMatchObject([
      { userErrors: [{ code: 'INSUFFICIENT_STOCK', limit: 1n }] },
    ])
  })

  test('below what is promised takes back the newest promises first', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    const [first, second, third] = [await reserve(app, 4), await reserve(app, 3), await reserve(app, 3)]
    const { unreserved } = await changeRows(app, [counted(6n)], { onShortfall: 'UNRESERVE_NEWEST' })
    expect(unreserved.map(({ id }) => id)).toEqual([second, third])
    expect(await readItem(app, 'A')).toMatchObject({ available: 2n, reserved: 4n })
    expect(await readOrder(app, first)).toMatchObject({ status: 'RESERVED', version: 2 })
    expect(await readOrder(app, third)).toMatchObject({
      status: 'AWAITING_RESTOCK',
      ifShort: 'WAIT',
      version: 3,
    })
    const events = await app.prisma.orderEvent.findMany({
      where: { orderId: third },
      orderBy: { version: 'asc' },
    })
    expect(events.at(-1)).toMatchObject({
      type: 'OrderUnreserved',
      from: 'RESERVED',
      to: 'AWAITING_RESTOCK',
      actor: LOCAL_OPERATOR.id,
      note: 'test',
      lines: [{ sku: 'A', qty: 3, location: 'MAIN' }],
    })
  })
})
