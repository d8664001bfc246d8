import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { connect } from '../database/connections.ts'
import { CONNECT_TIMEOUT_MS } from '../limits.ts'
import type { Logger } from '../observability/logger.ts'

/** A database that restarts is back within seconds: short waits at first, never a storm. */
const RECONNECT_DELAY_MIN_MS = 100
const RECONNECT_DELAY_MAX_MS = 2_000
/** Then ten probes, a second apart: lost for 20 s at most. Without it the system waits for two hours. */
const KEEP_ALIVE_DELAY_MS = 10_000

export type ChannelListenerOptions = {
  databaseUrl: string
  channel: string
  onNotification: (payload: string) => void
  /** After each connection but the first: what was said meanwhile was missed. */
  onGap: () => void
  logger: Logger
}

/** A connection of its own that LISTENs on one channel for as long as the process lives, and comes back when it breaks. */
export class ChannelListener {
  readonly #options: ChannelListenerOptions
  #client: pg.Client | undefined
  #isStopped = false

  constructor(options: ChannelListenerOptions) {
    this.#options = options
  }

  /** Resolves once it listens. @throws when the database cannot be reached this first time */
  async start(): Promise<void> {
    await this.#connect()
  }

  /** Whether notifications arrive at this moment. */
  isListening(): boolean {
    return this.#client !== undefined
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    const client = this.#client
    this.#client = undefined
    await client?.end()
  }

  async #connect(): Promise<void> {
    const { databaseUrl, channel, onNotification } = this.#options
    const client = await connect(
      databaseUrl,
      {
        application_name: 'holdfast-listen',
        // a peer that vanished without a word is noticed, though this side never sends
        connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
        keepAlive: true,
        keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
      },
      (error) => this.#options.logger.warn({ err: error }, 'lost the connection that listens'),
    )
    client.on('notification', ({ payload }) => onNotification(payload ?? ''))
    client.once('end', () => {
      if (this.#client === client) void this.#reconnect()
    })
    try {
      await client.query(`listen ${client.escapeIdentifier(channel)}`)
    } catch (error) {
      await client.end().catch(() => {})
      throw error
    }
    if (this.#isStopped) await client.end()
    else this.#client = client
  }

  async #reconnect(): Promise<void> {
    this.#client = undefined
    for (
      let delayMs = RECONNECT_DELAY_MIN_MS;
      !this.#isStopped;
      delayMs = Math.min(2 * delayMs, RECONNECT_DELAY_MAX_MS)
    ) {
      try {
        await this.#connect()
        this.#options.onGap()
        return
      } catch (error) {
        this.#options.logger.warn({ err: error, delayMs }, 'cannot listen, will try again')
        await sleep(delayMs, undefined, { ref: false })
      }
    }
  }
}
