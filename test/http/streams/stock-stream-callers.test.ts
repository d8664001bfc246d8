import { once } from 'node:events'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createAuthenticate } from '../../../src/http/access/create-authenticate.ts'
import { STREAMS_PER_CALLER_MAX } from '../../../src/limits.ts'
import { createLogger } from '../../../src/observability/logs/logger.ts'
import { connectByWebSocket, execute, serveTestApp } from '../../support/graphql.ts'
import { eventually } from '../../support/harness.ts'
import { openStream } from '../../support/stock-stream.ts'
import { authorizationOf, bySecret } from '../../support/tokens.ts'

describe('a caller of the stock stream', () => {
  const serve = async () => {
    const server = await serveTestApp({ authenticate: createAuthenticate(bySecret, createLogger('silent')) })
    onTestFinished(server.close)
    return server
  }

  test('who is a customer, or nobody, is refused', async () => {
    const server = await serve()
    const customer = { ...server, authorization: await authorizationOf('alice', 'customer') }
    expect((await openStream(customer)).answer.statusCode).toBe(403)
    expect((await openStream(server)).answer.statusCode).toBe(401)
    const service = { ...server, authorization: await authorizationOf('wms', 'service') }
    expect((await openStream(service)).answer.statusCode).toBe(200)
    const asked = connectByWebSocket(customer)
    onTestFinished(() => void asked.dispose())
    const answer = await asked.subscribe('subscription { inventoryChanged { cursor } }').next()
    expect(answer!.errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }])
  })

  test('whose token expires has its stream ended, and is asked who it is when it comes back', async () => {
    const server = await serve()
    const authorization = await authorizationOf('wms', 'service', new Date(Date.now() + 1_500))
    const { answer } = await openStream({ ...server, authorization })
    await once(answer, 'end')
    expect((await openStream({ ...server, authorization })).answer.statusCode).toBe(401)
    expect(server.app.stockFeed.tallies.sse.dropped['token-expired']).toBe(1)
  })

  test('has its streams counted, whichever API they are of', async () => {
    const server = await serve()
    const wms = { ...server, authorization: await authorizationOf('wms', 'service') }
    const streams = await Promise.all(Array.from({ length: STREAMS_PER_CALLER_MAX }, () => openStream(wms)))
    const refused = await openStream(wms)
    expect(refused.answer.statusCode).toBe(429)
    await eventually(() => refused.read().includes('"TOO_MANY_STREAMS"'))
    const path = `/graphql?query=${encodeURIComponent('subscription { inventoryChanged { cursor } }')}`
    expect((await openStream(wms, path)).answer.statusCode).toBe(429)
    streams[0]!.answer.destroy()
    await expect.poll(async () => (await openStream(wms)).answer.statusCode).toBe(200)
    const { data } = await execute(wms, '{ __typename }')
    expect(data).toEqual({ __typename: 'Query' })
  })
})
