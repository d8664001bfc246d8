import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from 'graphql-ws'
import WebSocket from 'ws'
import type { Findings } from './findings.ts'
import { type Connection, type History, newestSeen, type View } from './history.ts'
import { createRandom } from './random.ts'

const WATCHERS_MAX = 60
const WATCHED_SHARE = 0.3
const RECONNECT_DELAY_MS = 300
/** A share of the views is cut by the client itself after this long at most, to come back for what it missed. */
const LEAVE_SHARE = 0.3
const LEAVE_AFTER_MS = 1_500

const WATCH = `subscription Watch($id: ID!, $afterVersion: Int) {
  orderStatusChanged(id: $id, afterVersion: $afterVersion) { id status version }
}`

type State = { id: string; status: string; version: number }
type Message = {
  data?: { orderStatusChanged: State } | null
  errors?: readonly { message: string; extensions?: object }[]
}

/** Clients that watch orders by WebSocket and server-sent events, each until its order is final. */
export function createWatchers(options: {
  urls: readonly string[]
  findings: Findings
  history: History
  seed: number
  authorization: string
}) {
  const { urls, findings, history, seed, authorization } = options
  const random = createRandom(seed, 'watchers')
  const ending = new AbortController()
  const running = new Set<Promise<void>>()

  async function follow(view: View): Promise<void> {
    while (!view.isDone && !ending.signal.aborted) {
      view.tries++
      const leaving = new AbortController()
      const timer = random.chance(LEAVE_SHARE)
        ? setTimeout(() => leaving.abort(), random.next() * LEAVE_AFTER_MS)
        : undefined
      const signal = AbortSignal.any([ending.signal, leaving.signal])
      const known = newestSeen(view)?.version ?? 0
      // to go on, or from the beginning
      const connection: Connection = { known, afterVersion: random.chance(0.7) ? known : 0, seen: [] }
      const variables = { id: view.orderId, afterVersion: connection.afterVersion }
      const connect = random.chance(0.5) ? watchBySse : watchByWebSocket
      const onMessage = (message: Message) => see(view, connection, message)
      await connect({ url: random.pick(urls), authorization }, variables, signal, onMessage).catch(() => {})
      if (connection.seen.length > 0) view.connections.push(connection)
      clearTimeout(timer)
      if (!view.isDone) await sleep(RECONNECT_DELAY_MS, undefined, { signal: ending.signal }).catch(() => {})
    }
  }

  /** @returns whether there is nothing more to wait for */
  function see(view: View, connection: Connection, { data, errors }: Message): boolean {
    const state = data?.orderStatusChanged
    if (!state) {
      const code = (errors?.[0]?.extensions as { code?: string } | undefined)?.code
      if (code !== 'UNAVAILABLE')
        findings.violate('a view ends well, or UNAVAILABLE', view.orderId, JSON.stringify(errors))
      return false
    }
    if (state.id !== view.orderId) findings.violate('a watcher sees its own order', view.orderId, state.id)
    connection.seen.push({ version: state.version, status: state.status })
    view.isDone = state.status === 'RESERVED' || state.status === 'FAILED'
    return view.isDone
  }

  return {
    /** Watches an order, or does not: few enough are watched at once. */
    offer(orderId: string): void {
      if (running.size >= WATCHERS_MAX || !random.chance(WATCHED_SHARE)) return
      const view: View = { orderId, connections: [], tries: 0, isDone: false }
      history.views.push(view)
      const following = follow(view).finally(() => running.delete(following))
      running.add(following)
    },
    /** Waits until every watched order was seen to be final, and no longer than the limit; then ends the rest. */
    async settle(limitMs: number): Promise<void> {
      await Promise.race([Promise.all(running), sleep(limitMs, undefined, { ref: false })])
      ending.abort()
      await Promise.all(running)
    },
  }
}

/** Left before it was connected, a WebSocket has an error, which ends the process where nobody listens. */
class QuietWebSocket extends WebSocket {
  constructor(url: string, protocols?: string | string[]) {
    super(url, protocols)
    this.on('error', () => {})
  }
}

type Connect = (
  server: { url: string; authorization: string },
  variables: { id: string; afterVersion: number },
  signal: AbortSignal,
  onMessage: (message: Message) => boolean,
) => Promise<void>

const watchBySse: Connect = async ({ url, authorization }, variables, signal, onMessage) => {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream', authorization },
    body: JSON.stringify({ query: WATCH, variables }),
    signal,
  })
  let text = ''
  for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
    text += piece
    const events = text.split('\n\n')
    text = events.pop()!
    for (const event of events) {
      const data = /^data: ?(\{.*)$/m.exec(event)?.[1]
      if (data && onMessage(JSON.parse(data))) return
    }
  }
}

const watchByWebSocket: Connect = ({ url, authorization }, variables, signal, onMessage) => {
  const client = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: QuietWebSocket,
    connectionParams: { authorization },
    retryAttempts: 0,
    onNonLazyError: () => {},
  })
  const { promise, resolve } = Promise.withResolvers<void>()
  signal.addEventListener('abort', () => resolve(), { once: true })
  client.subscribe<NonNullable<Message['data']>>(
    { query: WATCH, variables },
    {
      next: (message) => {
        if (onMessage(message as Message)) resolve()
      },
      // a close of the connection, or the errors of the operation
      error: (error) => {
        if (Array.isArray(error)) onMessage({ errors: error })
        resolve()
      },
      complete: resolve,
    },
  )
  return promise.finally(() => client.terminate())
}
