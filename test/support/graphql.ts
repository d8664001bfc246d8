import { createClient } from 'graphql-ws'
import WebSocket from 'ws'
import type { App } from '../../src/create-app.ts'
import type { HttpServerOptions } from '../../src/http/http-server.ts'
import type { OrderLimiter } from '../../src/rate-limit/order-limiter.ts'
import { createTestApp, listen, type TestApp } from './harness.ts'

/** What a caller gets for one operation, or as one event of a subscription. */
export type Answer = {
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it asked for
  data?: any
  errors?: readonly { message: string; path?: readonly unknown[]; extensions?: Record<string, unknown> }[]
}

/** Where a server listens, and the Authorization header by which to call it, where it takes one. */
export type Target = { url: string; authorization?: string | undefined }

/** `close` closes what was made for it: the server, or with it its application. */
export type TestServer = { testApp: TestApp; app: App; url: string; close: () => Promise<void> }

/** An application on a database of its own, served over HTTP. */
export async function serveTestApp({
  orderLimiter,
  ...options
}: Partial<HttpServerOptions> & { orderLimiter?: OrderLimiter } = {}): Promise<TestServer> {
  const testApp = await createTestApp(undefined, orderLimiter)
  const server = await serveApp(testApp, options)
  return {
    ...server,
    close: async () => {
      await server.close()
      await testApp.close()
    },
  }
}

/** Serves an application that is there over HTTP. */
export async function serveApp(
  testApp: TestApp,
  options: Partial<HttpServerOptions> = {},
): Promise<TestServer> {
  const { http, url } = await listen(testApp, options)
  return { testApp, app: testApp.app, url, close: async () => void (await http.close()) }
}

/** Runs a query or mutation as any client would. */
export async function execute(
  { url, authorization }: Target,
  query: string,
  variables?: object,
): Promise<Answer & { status: number; text: string }> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: headersOf({ 'content-type': 'application/json', accept: 'application/json', authorization }),
    body: JSON.stringify({ query, variables }),
  })
  const text = await response.text()
  return { status: response.status, text, ...JSON.parse(text) }
}

/** Headers without those that have no value. */
function headersOf(headers: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
}

/** The codes of an answer's errors. */
export function codesOf({ errors }: Answer): unknown[] {
  return (errors ?? []).map(({ extensions }) => extensions?.code)
}

/** A subscription as its client sees it. */
export type Subscription = {
  /** The next event; undefined once the server has completed. */
  next: () => Promise<Answer | undefined>
  /** Leaves without waiting for the server. */
  leave: () => void
}

export type Subscribe = (server: Target, query: string, variables?: object) => Subscription

/** Subscribes by a stream of server-sent events. @param operationName which of several operations of the document is meant */
export function subscribeBySse(
  { url, authorization }: Target,
  query: string,
  variables?: object,
  operationName?: string,
): Subscription {
  const inbox = new Inbox()
  const abort = new AbortController()
  const read = async () => {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: headersOf({ 'content-type': 'application/json', accept: 'text/event-stream', authorization }),
      body: JSON.stringify({ query, variables, operationName }),
      signal: abort.signal,
    })
    let text = ''
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      const blocks = (text + chunk).split('\n\n')
      text = blocks.pop()!
      for (const block of blocks) {
        if (/^event: complete$/m.test(block)) return
        if (/^event: next$/m.test(block)) inbox.push(JSON.parse(/^data: (.*)$/m.exec(block)![1]!))
      }
    }
    throw new Error('the stream broke off before it was complete')
  }
  read().then(
    () => inbox.end(),
    (error) => inbox.end(abort.signal.aborted ? undefined : error),
  )
  return { next: () => inbox.next(), leave: () => abort.abort() }
}

/** A client over WebSocket; it makes its one connection at the first subscription, with these headers. */
export function connectByWebSocket({ url, authorization }: Target, headers: Record<string, string> = {}) {
  const client = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: class extends WebSocket {
      constructor(address: string, protocols: string[]) {
        super(address, protocols, { headers })
      }
    },
    ...(authorization !== undefined && { connectionParams: { authorization } }),
    retryAttempts: 0,
  })
  const subscribe = (query: string, variables?: object): Subscription => {
    const inbox = new Inbox()
    const leave = client.subscribe<Record<string, unknown>>(
      { query, variables: variables as Record<string, unknown> },
      {
        next: (answer) => inbox.push(answer as Answer),
        // an operation that never started is refused with a list of errors; anything else broke the connection
        error: (error) => (Array.isArray(error) ? inbox.endWith({ errors: error }) : inbox.end(error)),
        complete: () => inbox.end(),
      },
    )
    return { next: () => inbox.next(), leave }
  }
  return { subscribe, terminate: () => client.terminate(), dispose: () => client.dispose() }
}

/** Subscribes over a WebSocket of its own, which closes with the subscription. */
export const subscribeByWebSocket: Subscribe = (server, query, variables) =>
  connectByWebSocket(server).subscribe(query, variables)

/** What arrived, until somebody asks for it. */
class Inbox {
  #answers: Answer[] = []
  #wake: (() => void) | undefined
  #end: { error?: unknown } | undefined

  push(answer: Answer): void {
    this.#answers.push(answer)
    this.#wake?.()
  }

  end(error?: unknown): void {
    this.#end ??= { error }
    this.#wake?.()
  }

  endWith(answer: Answer): void {
    this.push(answer)
    this.end()
  }

  async next(): Promise<Answer | undefined> {
    while (this.#answers.length === 0 && !this.#end) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    const answer = this.#answers.shift()
    if (!answer && this.#end?.error) throw this.#end.error
    return answer
  }
}
