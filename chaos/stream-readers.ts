import { setTimeout as sleep } from 'node:timers/promises'
import { countTold, type LedgerChange } from './check-streams.ts'
import type { Findings } from './findings.ts'
import type { History } from './history.ts'
import { createRandom } from './random.ts'
import type { StreamView, ToldChange } from './stock-history.ts'

const RECONNECT_MAX_MS = 300
/** A share of the connections is cut by the client itself after this long at most, to come back for what it missed. */
const LEAVE_SHARE = 0.5
const LEAVE_AFTER_MS = 4_000
/** How often a reader comes back to another process than its own, as by a load balancer. */
const ELSEWHERE_SHARE = 0.2
const LOOK_INTERVAL_MS = 50

const FOLLOW = `subscription Follow($after: String) {
  inventoryChanged(after: $after) { cursor crossed movement { id sku location { code } } }
}`

/** An event of a stream of server-sent events. */
type ServerEvent = { name: string | undefined; id: string | undefined; data: string }

/** Reads one connection to its end, from behind a cursor on, or from now on. */
type Follow = (
  server: { url: string; authorization: string },
  after: string | undefined,
  hear: { onOpen: () => void; onChange: (cursor: string, change: ToldChange) => void },
  signal: AbortSignal,
) => Promise<void>

/**
 * A reader for each process follows every change of stock, by GraphQL and by REST, and comes back behind its cursor after each
 * break. Start them while nothing else goes on: what each has to be told is the ledger from the first change on that it hears of.
 */
export async function startStreamReaders(options: {
  urls: readonly string[]
  findings: Findings
  history: History
  seed: number
  authorization: string
}) {
  const { urls, findings, history, seed, authorization } = options
  const ending = new AbortController()
  const follow: Record<'GraphQL' | 'REST', Follow> = {
    GraphQL: followByGraphql(findings),
    REST: followByRest(findings),
  }

  async function live(home: string, view: StreamView, onOpen: () => void): Promise<void> {
    const random = createRandom(seed, view.reader)
    let cursor: string | undefined
    const onChange = (next: string, change: ToldChange) => {
      cursor = next
      view.changes.push(change)
    }
    while (!ending.signal.aborted) {
      view.connections++
      const leaving = new AbortController()
      const isLeaving = cursor !== undefined && random.chance(LEAVE_SHARE)
      const timer = isLeaving ? setTimeout(() => leaving.abort(), random.next() * LEAVE_AFTER_MS) : undefined
      const url = cursor !== undefined && random.chance(ELSEWHERE_SHARE) ? random.pick(urls) : home
      // a cursor is one of both
      const way = random.pick(['GraphQL', 'REST'] as const)
      findings.count(`streams by ${way}`)
      const signal = AbortSignal.any([ending.signal, leaving.signal])
      // cut off, killed, or left
      await follow[way]({ url, authorization }, cursor, { onOpen, onChange }, signal).catch(() => {})
      clearTimeout(timer)
      const delayMs = random.next() * RECONNECT_MAX_MS
      await sleep(delayMs, undefined, { signal: ending.signal }).catch(() => {})
    }
  }

  const views = urls.map((_, index): StreamView => {
    return { reader: `reader of process ${index + 1}`, changes: [], connections: 0 }
  })
  history.streams.push(...views)
  const opened = views.map(() => Promise.withResolvers<void>())
  const lives = views.map((view, index) => live(urls[index]!, view, opened[index]!.resolve))
  const stop = async () => {
    ending.abort()
    await Promise.all(lives)
  }
  await Promise.all(opened.map(({ promise }) => promise))
  return {
    /** Waits until every reader has a cursor to come back behind. @throws if that takes too long */
    async untilBegun(limitMs: number): Promise<void> {
      const hasBegun = await waitUntil(() => views.every(({ changes }) => changes.length > 0), limitMs)
      if (!hasBegun) throw new Error('The readers of the stream are told nothing')
    },
    /** Waits until every reader has been told of the ledger, and no longer than the limit; then ends them. */
    async settle(limitMs: number, ledger: readonly LedgerChange[]): Promise<void> {
      const counts = views.map((view) => countTold(view, ledger))
      await waitUntil(() => views.every(({ changes }, index) => changes.length >= counts[index]!), limitMs)
      await stop()
    },
    stop,
  }
}

/** @returns whether it came true within the limit */
async function waitUntil(check: () => boolean, limitMs: number): Promise<boolean> {
  for (const deadline = performance.now() + limitMs; !check(); await sleep(LOOK_INTERVAL_MS)) {
    if (performance.now() > deadline) return false
  }
  return true
}

type Change<Movement> = { cursor: string; crossed: readonly string[]; movement: Movement }

function followByGraphql(findings: Findings): Follow {
  return async ({ url, authorization }, after, { onOpen, onChange }, signal) => {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream', authorization },
      body: JSON.stringify({ query: FOLLOW, variables: { after } }),
      signal,
    })
    if (!(await isOpen(response, after, findings))) return
    onOpen()
    for await (const { name, data } of eventsOf(response)) {
      if (name === 'complete') findings.violate('a stream never completes', url, data)
      if (data === '') continue
      const message = JSON.parse(data) as {
        data?: {
          inventoryChanged: Change<{ id: string; sku: string; location: { code: string } }>
        } | null
        errors?: readonly { extensions?: { code?: string } }[]
      }
      const change = message.data?.inventoryChanged
      // behind an error the stream would go on, and the change be left out
      if (message.data !== undefined && !change) {
        findings.violate('a stream tells each change, or ends', `behind ${after}`, data)
      } else if (change) {
        const { id, sku, location } = change.movement
        onChange(change.cursor, toldOf(id, sku, location.code, change.crossed))
      } else if (message.errors?.[0]?.extensions?.code !== 'UNAVAILABLE') {
        findings.violate('a stream ends well, or UNAVAILABLE', `behind ${after}`, data)
      }
    }
  }
}

async function isOpen(response: Response, after: string | undefined, findings: Findings): Promise<boolean> {
  if (response.status === 200) return true
  const detail = `${response.status} ${await response.text()}`
  // 408 is Node's own, of a process that was frozen
  if (response.status !== 503 && response.status !== 408)
    findings.violate('a stream ends well, or UNAVAILABLE', `behind ${after}`, detail)
  return false
}

function followByRest(findings: Findings): Follow {
  return async ({ url, authorization }, after, { onOpen, onChange }, signal) => {
    const response = await fetch(`${url}/api/inventory/changes`, {
      headers: { authorization, ...(after && { 'last-event-id': after }) },
      signal,
    })
    if (!(await isOpen(response, after, findings))) return
    onOpen()
    for await (const { id: cursor, data } of eventsOf(response)) {
      const change = JSON.parse(data) as Change<{ id: string; sku: string; location: string }>
      const { id, sku, location } = change.movement
      if (cursor !== change.cursor) findings.violate('the id of an event is its cursor', `${cursor}`, data)
      onChange(change.cursor, toldOf(id, sku, location, change.crossed))
    }
  }
}

/** @throws once the connection is lost: what came of an event until then is passed over */
async function* eventsOf(response: Response): AsyncGenerator<ServerEvent> {
  let text = ''
  for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
    text += piece
    const blocks = text.split('\n\n')
    text = blocks.pop()!
    for (const block of blocks) {
      const fieldOf = (field: string) => new RegExp(`^${field}: ?(.*)$`, 'm').exec(block)?.[1]
      const data = fieldOf('data')
      // a comment, to keep it alive
      if (data !== undefined) yield { name: fieldOf('event'), id: fieldOf('id'), data }
    }
  }
}

function toldOf(id: string, sku: string, location: string, crossed: readonly string[]): ToldChange {
  return { movementId: Number(id), level: `${sku} at ${location}`, crossed: crossed.toSorted().join() }
}
