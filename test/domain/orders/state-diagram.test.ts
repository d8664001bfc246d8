import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { stateDiagram } from '../../support/state-diagram.ts'

test('docs/orders.md shows the life of an order as the table of events has it', async () => {
  const text = await readFile('docs/orders.md', 'utf8')
  const [, shown] = /^```mermaid\n(stateDiagram.*?)^```$/ms.exec(text) ?? []
  // what is expected here is what belongs there
  expect(shown).toBe(stateDiagram())
})
