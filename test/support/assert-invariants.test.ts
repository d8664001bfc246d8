import { expect, test } from 'vitest'
import { createTestApp, joinTestApp, seed } from './harness.ts'

const AVAILABLE = 'available is the sum of the movements'

/** An application whose stock does not add up. */
async function breakStock() {
  const testApp = await createTestApp()
  await seed(testApp.app).item({ sku: 'A', available: 1 })
  await testApp.app.pool.query('update stock_levels set available = 2')
  return testApp
}

test('a test that leaves an invariant broken fails when its application is closed, and is told which', async () => {
  const { close } = await breakStock()
  await expect(close()).rejects.toThrow(`${AVAILABLE}: A: available 2, ledger 1`)
})

test('a test that says why may leave broken what it names, and nothing else', async () => {
  const meant = await breakStock()
  meant.allowBreaches('this test is about it', AVAILABLE)
  await meant.close()
  const other = await breakStock()
  other.allowBreaches('this test is about it', "an order's SKU exists")
  await expect(other.close()).rejects.toThrow(AVAILABLE)
})

test('an application that joined another leaves the check to it, and may speak for it', async () => {
  const first = await breakStock()
  const second = await joinTestApp(first)
  second.allowBreaches('this test is about it')
  await second.close()
  await first.close()
})

test('an invariant that there is not is refused by its name', async () => {
  const testApp = await createTestApp()
  expect(() => testApp.allowBreaches('it is misspelt', 'stock is fine')).toThrow('stock is fine')
  await testApp.close()
})
