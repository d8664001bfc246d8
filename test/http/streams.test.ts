import { get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, onTestFinished, vi } from 'vitest'
import type { Caller } from '../../src/domain/caller.ts'
import { serveTestApp } from '../support/graphql.ts'
import { seed } from '../support/harness.ts'

it('a stream whose caller leaves while it is looked at who that is never begins', async () => {
  const asked = Promise.withResolvers<void>()
  const answered = Promise.withResolvers<Caller>()
  const server = await serveTestApp({
    authenticate: () => {
      asked.resolve()
      return answered.promise
    },
  })
  onTestFinished(() => server.close())
  await seed(server.app).item({ sku: 'BOLT', available: 10 })
  const { id } = await seed(server.app).order({ sku: 'BOLT' })
  const watch = vi.spyOn(server.app.feed, 'watch')
  const query = encodeURIComponent(`subscription { orderStatusChanged(id: "${id}") { version } }`)
  const call = get(`${server.url}/graphql?query=${query}`, { headers: { accept: 'text/event-stream' } })
  call.on('error', () => {})
  await asked.promise
  call.destroy()
  // the server has heard of it before it hears of another
  await fetch(`${server.url}/health/live`, { headers: { connection: 'close' } })
  answered.resolve({ id: 'alice', role: 'operator', expiresAt: null })
  await sleep(200)
  expect(watch).not.toHaveBeenCalled()
  expect(server.app.feed.watcherCount).toBe(0)
})
