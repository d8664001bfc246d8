import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { Logger } from 'pino'
import { connect } from '../database/connections.ts'
import { ReadOnlyServerError } from '../database/unavailable.ts'
import { CONNECT_TIMEOUT_MS, LISTEN_BEAT_INTERVAL_MS, LISTEN_BEAT_TIMEOUT_MS } from '../limits.ts'
import { findBackend } from '../sql/upkeep/invariant-checks.ts'

/** A restarting database is back within seconds: short delays first, and never a storm of connections. */
const RECONNECT_DELAY_MIN_MS = 100
const RECONNECT_DELAY_MAX_MS = 2_000
/** A process that was frozen finds its time-outs expired before it has read its sockets, so it reads first. */
const READ_FIRST_MS = 50

export type ChannelListenerOptions = {
  databaseUrl: string
  channel: string
  onNotification: (payload: string) => void
  /** Called after each reconnection: notifications in between were missed. */
  onGap: () => void
  /** Called when the server is silent or read-only, so that other connections to it are useless too. */
  onServerLost: (error: unknown) => void
  logger: Logger
}

/**
 * Listens on one channel for as long as the process lives, on a connection of its own, and reconnects when that breaks. It
 * notifies itself every few seconds, because a frozen or unreachable host closes no connection.
 */
export class ChannelListener {
  readonly #options: ChannelListenerOptions
  /** A channel that only this listener uses. */
  readonly #beatChannel = `holdfast_beat_${randomBytes(8).toString('hex')}`
  #client: pg.Client | undefined
  #onBeat: (() => void) | undefined
  /** The server's process that listens. */
  #backend: number | undefined
  readonly #stopping = new AbortController()

  constructor(options: ChannelListenerOptions) {
    this.#options = options
  }

  /** Whether notifications arrive, as far as the last beat tells. */
  isListening(): boolean {
    return this.#client !== undefined
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    const client = this.#client
    this.#client = undefined
    await client?.end()
  }

  /** Resolves once it listens. @throws when the database cannot be reached */
  async start(): Promise<void> {
    const { databaseUrl, channel, onNotification } = this.#options
    const client = await connect(
      databaseUrl,
      { application_name: 'holdfast-listen', connectionTimeoutMillis: CONNECT_TIMEOUT_MS },
      (error) => this.#options.logger.warn({ err: error }, 'listening connection lost'),
    )
    client.on('notification', (notification) => {
      if (notification.channel === channel) onNotification(notification.payload ?? '')
      else this.#onBeat?.()
    })
    client.once('end', () => void this.#lose(client))
    try {
      const listens = [channel, this.#beatChannel].map((name) => `listen ${client.escapeIdentifier(name)}`)
      await within(LISTEN_BEAT_TIMEOUT_MS, client.query(listens.join('; ')))
      const [backend] = await within(LISTEN_BEAT_TIMEOUT_MS, findBackend(client))
      this.#backend = backend!.pid
    } catch (error) {
      void client.end()
      throw error
    }
    if (this.#stopping.signal.aborted) return client.end()
    this.#client = client
    void this.#keepBeating(client)
  }

  /** Sends beats until this connection is replaced. */
  async #keepBeating(client: pg.Client): Promise<void> {
    const { signal } = this.#stopping
    for (;;) {
      await sleep(LISTEN_BEAT_INTERVAL_MS, undefined, { signal, ref: false }).catch(() => {})
      if (this.#client !== client) return
      try {
        await within(LISTEN_BEAT_TIMEOUT_MS, this.#beat(client))
      } catch (error) {
        if (this.#client !== client) return
        this.#options.logger.warn({ err: error }, 'listening connection given up')
        this.#options.onServerLost(error)
        return this.#lose(client)
      }
    }
  }

  /**
   * Sends a notification and waits for it.
   *
   * @throws {ReadOnlyServerError} if the server is read-only: it notifies of nothing; an error too if another process of the
   * server answers, which does not listen: a pooler came to share connections between transactions
   */
  async #beat(client: pg.Client): Promise<void> {
    const heard = new Promise<void>((resolve) => {
      this.#onBeat = resolve
    })
    const { rows } = await client.query<{ backend: number; isReadOnly: boolean }>(
      `select pg_notify($1, ''), pg_backend_pid() as backend, current_setting('transaction_read_only') = 'on' as "isReadOnly"`,
      [this.#beatChannel],
    )
    if (rows[0]!.backend !== this.#backend)
      throw new Error(
        'Connection terminated: a pooler gave it another session. Holdfast needs pool_mode=session',
      )
    if (rows[0]!.isReadOnly) throw new ReadOnlyServerError()
    await heard
  }

  /** Replaces a connection that broke or was given up. */
  async #lose(client: pg.Client): Promise<void> {
    if (this.#client !== client) return
    this.#client = undefined
    // not awaited: it may hang
    void client.end()
    for (
      let delayMs = RECONNECT_DELAY_MIN_MS;
      !this.#stopping.signal.aborted;
      delayMs = Math.min(2 * delayMs, RECONNECT_DELAY_MAX_MS)
    ) {
      try {
        await this.start()
        this.#options.onGap()
        return
      } catch (error) {
        this.#options.logger.warn({ err: error, delayMs }, 'listening failed, retrying')
        await sleep(delayMs, undefined, { ref: false })
      }
    }
  }
}

/** Waits for `work`. @throws if it takes longer than `ms` */
async function within<Result>(ms: number, work: Promise<Result>): Promise<Result> {
  const over = new AbortController()
  const { signal } = over
  const late = sleep(ms, undefined, { signal, ref: false })
    .then(() => sleep(READ_FIRST_MS, undefined, { signal, ref: false }))
    .then(() => Promise.reject(new Error(`Connection terminated: the server was silent for ${ms} ms`)))
  try {
    return await Promise.race([work, late])
  } finally {
    over.abort()
    late.catch(() => {})
    work.catch(() => {})
  }
}
