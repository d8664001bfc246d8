import { validate, version } from 'uuid'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { newId } from '../../src/use-cases/new-id.ts'

afterEach(() => {
  vi.useRealTimers()
})

/** More than are drawn at once. */
const COUNT = 1_000

describe('newId', () => {
  it('rises from id to id, many of one millisecond too', () => {
    vi.useFakeTimers({ now: Date.now() + 60_000 })
    const ids = Array.from({ length: COUNT }, newId)
    expect(ids).toEqual(ids.toSorted())
    expect(new Set(ids).size).toBe(COUNT)
    expect(new Set(ids.map(timeOf))).toEqual(new Set([Date.now()]))
  })

  it('rises while a clock that was set back has not caught up', () => {
    vi.useFakeTimers({ now: Date.now() + 120_000 })
    const before = newId()
    vi.setSystemTime(Date.now() - 3_600_000)
    const after = [newId(), newId()]
    expect([before, ...after]).toEqual([before, ...after].toSorted())
    expect(after.map(timeOf)).toEqual([timeOf(before), timeOf(before)])
  })

  it('makes UUIDs of version 7 that share no random bits, however many it draws at once', () => {
    vi.useFakeTimers({ now: Date.now() + 180_000 })
    const ids = Array.from({ length: COUNT }, newId)
    expect(ids.every((id) => validate(id) && version(id) === 7)).toBe(true)
    // five of their bytes are random even within a millisecond
    expect(new Set(ids.map((id) => id.slice(-10))).size).toBe(COUNT)
    expect(Math.max(...ids.map((id) => Number.parseInt(id.at(-1)!, 16)))).toBe(15)
  })

  it('starts each millisecond at a random place', () => {
    const places = Array.from({ length: 10 }, (_, passed) => {
      vi.useFakeTimers({ now: Date.now() + 240_000 + passed })
      return newId().slice(14, 23)
    })
    expect(new Set(places).size).toBe(10)
  })
})

/** The time in an id, in ms. */
function timeOf(id: string): number {
  return Number.parseInt(id.replace('-', '').slice(0, 12), 16)
}
