import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { type Answer, codesOf } from './graphql.ts'
import { get, post } from './http-answer.ts'

/** One call after the other, each of another kind. Every answer is true, or says that the database is away. */
export class Trickle {
  /** Ids of orders. */
  readonly acknowledged: string[] = []
  /** Calls that were answered that the database is away. */
  refused = 0
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  /** Goes on for as long as `work` does. */
  async run(work: () => Promise<void>): Promise<void> {
    const working = work()
    let isDone = false
    void working.finally(() => {
      isDone = true
    })
    const calls = [this.#orderByRest, this.#orderByGraphql, this.#readByRest, this.#readByGraphql]
    for (let count = 0; !isDone; count++) {
      await calls[count % calls.length]!.call(this)
      await sleep(20)
    }
    await working
  }

  async #orderByRest(): Promise<void> {
    const { status, body, retryAfter } = await post(`${this.#url}/api/order`, { sku: 'PLENTY', qty: 1 })
    if (status === 201) this.acknowledged.push(String(body.id))
    else this.#expectUnavailable({ status, retryAfter, code: body.code })
  }

  async #orderByGraphql(): Promise<void> {
    const { body, ...answer } = await post<Answer>(`${this.#url}/graphql`, {
      query:
        'mutation { createOrder(input: { sku: "PLENTY", qty: 1 }) { order { id } userErrors { code } } }',
    })
    if (body.data?.createOrder) this.acknowledged.push(body.data.createOrder.order.id)
    else this.#expectUnavailable({ ...answer, code: codesOf(body)[0] })
  }

  async #readByRest(): Promise<void> {
    const id = this.acknowledged.at(-1)
    if (!id) return
    const { status, body, retryAfter } = await get(this.#url, `/api/orders/${id}`)
    if (status === 200) expect(body.id).toBe(id)
    else this.#expectUnavailable({ status, retryAfter, code: body.code })
  }

  async #readByGraphql(): Promise<void> {
    const { body, ...answer } = await post<Answer>(`${this.#url}/graphql`, {
      query: '{ inventoryItem(sku: "PLENTY") { name } }',
    })
    if (body.data?.inventoryItem) expect(body.data.inventoryItem.name).toBe('Plenty')
    else this.#expectUnavailable({ ...answer, code: codesOf(body)[0] })
  }

  #expectUnavailable(answer: unknown): void {
    expect(answer).toEqual({ status: 503, retryAfter: '1', code: 'UNAVAILABLE' })
    this.refused++
  }
}
