import { Agent, type Dispatcher, request } from 'undici'
import { type AttemptResult, DELIVERY_RETRY_AFTER_MAX_MS } from '../domain/webhooks/delivery-policy.ts'
import { WEBHOOK_ANSWER_MAX_BYTES, WEBHOOK_ANSWER_READ_MAX_BYTES, WEBHOOK_TIMEOUT_MS } from '../limits.ts'
import { refuseAddresses } from '../outgoing/refuse-addresses.ts'
import { readRetryAfterMs } from '../outgoing/retry-after.ts'
import { sign } from './sign.ts'

const ERROR_DETAIL_MAX = 300
/** Where the receiver names no time of its own. */
const KEEP_ALIVE_MS = 1_000

type WebhookMessage = {
  url: string
  /** The event's. */
  id: string
  body: string
  /** They sign, the newest first. */
  keys: readonly Buffer[]
}

export type WebhookClient = {
  /** Sends a message, once. Never throws: whatever happens is the result. */
  send: (message: WebhookMessage) => Promise<AttemptResult>
  close: () => Promise<void>
}

/**
 * Makes what sends webhooks, over connections that are kept for the next message. No redirect is followed.
 *
 * @param mayBePrivate whether receivers may be at loopback and private addresses. Where clouds keep their metadata they never may
 * @param timeoutMs for a whole attempt
 */
export function createWebhookClient({
  mayBePrivate,
  timeoutMs = WEBHOOK_TIMEOUT_MS,
}: {
  mayBePrivate: boolean
  timeoutMs?: number
}): WebhookClient {
  const guard = refuseAddresses('webhook', { mayBePrivate })
  const dispatcher = new Agent({
    // no limit of connections: it would be one for each origin, which several webhooks may share. Senders limit calls
    allowH2: false,
    // a receiver that closes idle connections does so after a few seconds: a call in that moment would fail
    keepAliveTimeout: KEEP_ALIVE_MS,
    pipelining: 1,
    connect: { timeout: timeoutMs, lookup: guard.lookup },
    // the signal of each call is the only clock
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  let closed: Promise<void> | undefined

  async function send(message: WebhookMessage): Promise<AttemptResult> {
    const startedAtMs = performance.now()
    const passed = () => Math.round(performance.now() - startedAtMs)
    const timeout = new AbortController()
    const timer = setTimeout(() => timeout.abort(), timeoutMs)
    try {
      guard.assertHost(new URL(message.url).hostname)
      const { statusCode, headers, body } = await request(message.url, {
        dispatcher,
        method: 'POST',
        headers: headersOf(message),
        body: message.body,
        signal: timeout.signal,
      })
      // the status is the answer, whatever becomes of its body
      const responseBody = await readStart(body)
      const retryAfterMs =
        readRetryAfterMs(textOf(headers['retry-after']), DELIVERY_RETRY_AFTER_MAX_MS) ?? null
      return { responseStatus: statusCode, responseBody, error: null, durationMs: passed(), retryAfterMs }
    } catch (error) {
      const detail = timeout.signal.aborted ? `no answer within ${timeoutMs} ms` : describe(error)
      return {
        responseStatus: null,
        responseBody: null,
        error: detail,
        durationMs: passed(),
        retryAfterMs: null,
      }
    } finally {
      clearTimeout(timer)
    }
  }

  return {
    send,
    close() {
      // not `close`, which waits for calls in flight
      closed ??= dispatcher.destroy()
      return closed
    },
  }
}

function headersOf({ id, body, keys }: WebhookMessage): Record<string, string> {
  const timestampS = Math.floor(Date.now() / 1_000)
  return {
    'content-type': 'application/json',
    'user-agent': 'Holdfast',
    'webhook-id': id,
    'webhook-timestamp': String(timestampS),
    'webhook-signature': sign(keys, { id, timestampS, body }),
  }
}

function textOf(header: string | string[] | undefined): string | null {
  return typeof header === 'string' ? header : null
}

/** Reads an answer to its end, so that its connection can be used again, and keeps the start of it. */
async function readStart(body: Dispatcher.ResponseData['body']): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      if (bytes < WEBHOOK_ANSWER_MAX_BYTES) chunks.push(chunk)
      bytes += chunk.byteLength
      // leaving the loop closes the connection
      if (bytes > WEBHOOK_ANSWER_READ_MAX_BYTES) break
    }
  } catch {
    // it broke off, or took too long
  }
  const start = Buffer.concat(chunks).subarray(0, WEBHOOK_ANSWER_MAX_BYTES)
  // PostgreSQL stores no zero byte, and a log or a page shows no control character
  return new TextDecoder().decode(start).replace(/[^\P{Cc}\n\t]/gu, ' ')
}

/** What undici threw: Node tries each address of a name, and then throws an error with a code and no message. */
function describe(error: unknown): string {
  const thrown = error as Error & { code?: unknown }
  const reason = (thrown.cause ?? thrown) as Error & { code?: unknown }
  const code = typeof reason.code === 'string' ? reason.code : ''
  return [code, reason.message || thrown.message]
    .filter(Boolean)
    .join(': ')
    .replace(/\p{Cc}+/gu, ' ')
    .slice(0, ERROR_DETAIL_MAX)
    .toWellFormed()
}
