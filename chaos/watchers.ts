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
/** How long a watcher goes on, at most, once its order waits for nobody but its owner. Some go on to the end. */
const PATIENCE_MAX_MS = 12_000
const PATIENT_SHARE = 0.3
/** No more of them than leave room for others. */
const PATIENT_MAX = 20
const ENDED = ['FAILED', 'CANCELLED', 'EXPIRED']
const UNDER_WAY = ['PENDING', 'AWAITING_RESTOCK']

const WATCH = `subscription Watch($id: ID!, $afterVersion: Int) {
  orderStatusChanged(id: $id, afterVersion: $afterVersion) { id status version }
}`

type State = { id: string; status: string; version: number }
type Message = {
  data?: { orderStatusChanged: State } | null
  errors?: readonly { message: string; extensions?: object }[]
}

/** Clients that watch orders by WebSocket and server-sent events, each until its order has ended or it has seen enough. */
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
  const running = new Map<View, Promise<void>>()
  let patient = 0

  /** @param patienceMs for how long from now, once its order is not under way; undefined to the end of the run */
  async function follow(view: View, patienceMs: number | undefined): Promise<void> {
    const enough = new AbortController()
    const timer = patienceMs === undefined ? undefined : setTimeout(() => enough.abort(), patienceMs)
    const isOver = () => {
      const seen = newestSeen(view)
      if (enough.signal.aborted && seen && !UNDER_WAY.includes(seen.status)) view.end ??= 'by its watcher'
      return view.end !== undefined || ending.signal.aborted
    }
    while (!isOver()) {
      view.tries++
      const leaving = new AbortController()
      const leavingTimer = random.chance(LEAVE_SHARE)
        ? setTimeout(() => leaving.abort(), random.next() * LEAVE_AFTER_MS)
        : undefined
      const untilEnough = enough.signal.aborted ? [] : [enough.signal]
      const signal = AbortSignal.any([ending.signal, leaving.signal, ...untilEnough])
      const known = newestSeen(view)?.version ?? 0
      // to go on, or from the beginning
      const connection: Connection = { known, afterVersion: random.chance(0.7) ? known : 0, seen: [] }
      const variables = { id: view.orderId, afterVersion: connection.afterVersion }
      const connect = random.chance(0.5) ? watchBySse : watchByWebSocket
      const onMessage = (message: Message) => see(view, connection, message) || isOver()
      await connect({ url: random.pick(urls), authorization }, variables, signal, onMessage).catch(() => {})
      clearTimeout(leavingTimer)
      if (!isOver()) await sleep(RECONNECT_DELAY_MS, undefined, { signal: ending.signal }).catch(() => {})
    }
    clearTimeout(timer)
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
    if (connection.seen.length === 0) view.connections.push(connection)
    connection.seen.push({ version: state.version, status: state.status })
    if (ENDED.includes(state.status)) view.end = 'with the order'
    return view.end !== undefined
  }

  return {
    /** Watches an order, or does not: few enough are watched at once. */
    offer(orderId: string): void {
      if (running.size >= WATCHERS_MAX || !random.chance(WATCHED_SHARE)) return
      const view: View = { orderId, connections: [], tries: 0, end: undefined }
      history.views.push(view)
      const isPatient = patient < PATIENT_MAX && random.chance(PATIENT_SHARE)
      if (isPatient) patient++
      const following = follow(view, isPatient ? undefined : random.next() * PATIENCE_MAX_MS).finally(() => {
        running.delete(view)
        if (isPatient) patient--
      })
      running.set(view, following)
    },
    /** Waits until every watcher that is left has seen the newest version of its order, and no longer than the limit; then ends them. */
    async settle(limitMs: number, versions: ReadonlyMap<string, number>): Promise<void> {
      const isBehind = (view: View) => (newestSeen(view)?.version ?? 0) < (versions.get(view.orderId) ?? 0)
      for (const deadline = performance.now() + limitMs; performance.now() < deadline; ) {
        if (![...running.keys()].some(isBehind)) break
        await sleep(50)
      }
      ending.abort()
      await Promise.all(running.values())
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
