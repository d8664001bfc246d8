import { Readable } from 'node:stream'
import { expect, onTestFinished, test } from 'vitest'
import { spoolUpload } from '../../../../src/http/rest/csv/spool-upload.ts'

test('an upload that comes at once is parsed in many turns of the event loop', async () => {
  let turns = 0
  let isOver = false
  const count = () => {
    turns++
    if (!isOver) setImmediate(count)
  }
  setImmediate(count)
  onTestFinished(() => {
    isOver = true
  })
  const rows = 200_000
  const { rowCount, close } = await spoolUpload(
    Readable.from([Buffer.from(`sku,delta\n${'A,1\n'.repeat(rows)}`)]),
  )
  onTestFinished(close)
  expect(rowCount).toBe(rows)
  // 4 kB in each
  expect(turns).toBeGreaterThan((4 * rows) / 5_000)
})
