import { serverAudits } from 'graphql-http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestApp, listen, type TestApp } from '../support/harness.ts'

let test_: TestApp
let url = ''
let close: () => Promise<void>
beforeAll(async () => {
  test_ = await createTestApp()
  const server = await listen(test_)
  url = `${server.url}/graphql`
  close = () => server.http.close()
})
afterAll(async () => {
  await close()
  await test_.close()
})

// the audit of the specification "GraphQL over HTTP", as its reference implementation keeps it
const audits = serverAudits({ url: () => url, fetchFn: fetch })

describe('GraphQL over HTTP', () => {
  test('is audited in 61 points', () => {
    expect(audits).toHaveLength(61)
  })

  test.each(audits.map((audit) => [`${audit.id} ${audit.name}`, audit] as const))(
    '%s',
    async (_name, audit) => {
      const result = await audit.fn()
      expect(result).toMatchObject({ status: 'ok' })
    },
  )
})
