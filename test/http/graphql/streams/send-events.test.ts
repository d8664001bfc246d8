import { once } from 'node:events'
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ExecutionResult } from 'graphql'
import { expect, it, onTestFinished, vi } from 'vitest'
import { sendEvents } from '../../../../src/http/graphql/streams/send-events.ts'
import { STREAM_PING_INTERVAL_MS } from '../../../../src/limits.ts'

/** More than a connection holds that nobody reads. */
const LARGE = 'x'.repeat(10_000_000)

/** Opens a stream. @returns both ends of it */
async function open(): Promise<{ response: ServerResponse; answered: Promise<IncomingMessage> }> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const call = get({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' })
  const answered = once(call, 'response').then(([answer]) => answer as IncomingMessage)
  const [, response] = await once(server, 'request')
  return { response, answered }
}

/** Results that come when the test says so, and tell whether they were asked for and ended. */
class Results implements AsyncIterableIterator<ExecutionResult> {
  asked = 0
  isEnded = false
  #pull = Promise.withResolvers<IteratorResult<ExecutionResult>>()

  next() {
    this.asked++
    this.#pull = Promise.withResolvers()
    if (this.isEnded) this.#pull.resolve({ done: true, value: undefined })
    return this.#pull.promise
  }

  async return() {
    this.isEnded = true
    this.#pull.resolve({ done: true, value: undefined })
    return { done: true as const, value: undefined }
  }

  give(data: Record<string, unknown>) {
    this.#pull.resolve({ done: false, value: { data } })
  }

  fail(error: Error) {
    this.#pull.reject(error)
  }

  [Symbol.asyncIterator]() {
    return this
  }
}

it('begins with a comment, and sends one every so often, in between and not after the end', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  const { response, answered } = await open()
  const results = new Results()
  const sent = sendEvents(response, results)
  const answer = (await answered).setEncoding('utf8')
  let text = ''
  answer.on('data', (chunk) => {
    text += chunk
  })
  expect(answer.headers).toMatchObject({
    'content-type': 'text/event-stream',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
  })
  expect(answer.headers['content-encoding']).toBeUndefined()
  await expect.poll(() => text).toBe(':\n\n')
  vi.advanceTimersByTime(STREAM_PING_INTERVAL_MS)
  await expect.poll(() => text).toBe(':\n\n:\n\n')
  results.give({ version: 1 })
  await expect.poll(() => text).toContain('event: next\ndata: {"data":{"version":1}}\n\n')
  await results.return()
  await sent
  await once(answer, 'end')
  expect(text).toMatch(/event: complete\ndata:\n\n$/)
  await expect.poll(() => vi.getTimerCount()).toBe(0)
})

it('asks for nothing, and sends no comment, while the client does not read', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  const { response, answered } = await open()
  const results = new Results()
  const sent = sendEvents(response, results)
  const answer = (await answered).pause()
  results.give({ name: LARGE })
  await expect.poll(() => response.writableNeedDrain).toBe(true)
  const waiting = response.writableLength
  vi.advanceTimersByTime(10 * STREAM_PING_INTERVAL_MS)
  expect(response.writableLength).toBeLessThanOrEqual(waiting)
  expect(results.asked).toBe(1)
  answer.resume()
  await expect.poll(() => results.asked).toBe(2)
  await results.return()
  await sent
})

it.each([
  ['while it waits for a result', {}],
  ['while it waits for the client to read', { name: LARGE }],
])('ends the results once the client leaves: %s', async (_name, data) => {
  const { response, answered } = await open()
  const results = new Results()
  const sent = sendEvents(response, results)
  const answer = (await answered).on('error', () => {}).pause()
  results.give(data)
  const waits = 'name' in data ? () => response.writableNeedDrain : () => results.asked === 2
  await expect.poll(waits).toBe(true)
  answer.destroy()
  await sent
  expect(results.isEnded).toBe(true)
})

it('begins nothing for a client that has left, and ends the results', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  const { response, answered } = await open()
  answered.catch(() => {})
  response.destroy()
  const results = new Results()
  await sendEvents(response, results)
  expect(results).toMatchObject({ isEnded: true, asked: 0 })
  expect(vi.getTimerCount()).toBe(0)
})

it('breaks a stream off whose results fail, and tells of it', async () => {
  const { response, answered } = await open()
  const results = new Results()
  const sent = sendEvents(response, results)
  const answer = await answered
  results.fail(new Error('no more'))
  await expect(sent).rejects.toThrow('no more')
  await expect(answer.toArray()).rejects.toThrow('aborted')
})

it('writes nothing after the end, while what was sent before is still on its way', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  const { response } = await open()
  const errors: Error[] = []
  response.on('error', (error) => errors.push(error))
  const results = new Results()
  const sending = sendEvents(response, results)
  await expect.poll(() => results.asked).toBe(1)
  // nothing more of it is sent, and there is room for more
  response.socket!.cork()
  results.isEnded = true
  results.give({ text: 'x' })
  await sending
  expect(response.writableEnded).toBe(true)
  expect(response.writableFinished).toBe(false)
  vi.advanceTimersByTime(3 * STREAM_PING_INTERVAL_MS)
  await new Promise(setImmediate)
  expect(errors).toEqual([])
})
