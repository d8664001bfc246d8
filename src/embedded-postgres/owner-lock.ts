import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import { connect } from '../database/connections.ts'
import { StartError } from '../start/start-error.ts'
import { DATABASE_USER, isAlive } from './data-directory.ts'

export type OwnerLock = Awaited<ReturnType<typeof takeOwnerLock>>

type OwnerLockOptions = {
  port: number
  password: string
  dataDir: string
  warn: (line: string) => void
  /** Called each time that a lost lock could not be taken again since the server does not answer. Never throws. */
  onAway?: (() => Promise<void>) | undefined
}

// 'holdfast' in ASCII; any number will do, as nothing else takes locks in the database "postgres"
const OWNER_LOCK_KEY = '7525352680829580148'

// the server is on this machine
const CONNECT_LIMIT_MS = 5_000

// the longest is "create database": 0.1 s, on a slow disk many times that
const QUERY_LIMIT_MS = 30_000

// a killed owner's connection is closed by the kernel at once, its backend follows within milliseconds
const DEAD_OWNER_LIMIT_MS = 10_000
const DEAD_OWNER_POLL_MS = 100

// short against the restart of a database, long enough not to flood its log
const RETAKE_DELAY_MS = 500

/**
 * Makes this process the one owner of the database: a session-level advisory lock, held by a connection of its own
 * that is made again when it is lost. Throws an error with the owner's pid where there is another owner.
 */
export async function takeOwnerLock(options: OwnerLockOptions) {
  const { warn, dataDir, onAway } = options
  let isReleased = false
  let retaking: Promise<void> | undefined
  let lostTo: number | undefined
  const timers = new AbortController()

  const hold = (held: Client): Client => {
    held.once('end', () => {
      if (isReleased) return
      client = undefined
      warn('The connection that owns the embedded PostgreSQL was lost; taking it again')
      retaking = retake()
    })
    return held
  }

  const retake = async (): Promise<void> => {
    while (!isReleased) {
      await delay(RETAKE_DELAY_MS, undefined, { ref: false, signal: timers.signal }).catch(() => {})
      if (isReleased) return
      try {
        const result = await tryLock(options)
        if (result instanceof Client) {
          lostTo = undefined
          client = hold(result)
          warn('The embedded PostgreSQL is owned again')
          return
        }
        if (result !== lostTo)
          warn(`The embedded PostgreSQL in ${dataDir} was taken over by process ${result}`)
        lostTo = result
      } catch {
        if (!isReleased) await onAway?.()
      }
    }
  }

  let client: Client | undefined = hold(await lockOrRefuse(options))
  return {
    /** Ends the claim after `work`, so that nobody else becomes the owner while it runs. */
    async releaseAfter(work: () => Promise<void>): Promise<void> {
      isReleased = true
      timers.abort()
      await retaking
      if (!client) {
        // lost a moment ago: it may be another's by now
        const result = await tryLock(options).catch(() => undefined)
        if (result instanceof Client) client = result
        else lostTo ??= result
      }
      try {
        if (client || lostTo === undefined) await work()
      } finally {
        await client?.end().catch(() => {})
      }
    },
  }
}

async function lockOrRefuse(options: OwnerLockOptions): Promise<Client> {
  const deadline = performance.now() + DEAD_OWNER_LIMIT_MS
  for (;;) {
    const result = await tryLock(options)
    if (result instanceof Client) return result
    const isGoing = result === undefined || !isAlive(result)
    if (!isGoing || performance.now() > deadline) {
      throw new StartError(
        `The embedded PostgreSQL in ${options.dataDir} is in use by process ${result ?? '(unknown)'}. ` +
          'It belongs to one process at a time: stop that one first, or choose another DATA_DIR, ' +
          'or run several processes on one PostgreSQL with DATABASE_URL.',
      )
    }
    await delay(DEAD_OWNER_POLL_MS)
  }
}

/** The connection that now holds the lock, or the pid of the process that does (undefined: it just let go). */
async function tryLock(options: OwnerLockOptions): Promise<Client | number | undefined> {
  const client = await connect(
    // not "holdfast", which tests copy as a template: that wants no connections to it
    `postgresql://${DATABASE_USER}:${options.password}@127.0.0.1:${options.port}/postgres`,
    {
      application_name: `holdfast-owner-${process.pid}`,
      connectionTimeoutMillis: CONNECT_LIMIT_MS,
      query_timeout: QUERY_LIMIT_MS,
    },
    // a connection that ends is told by 'end'
    () => {},
  )
  try {
    const locked = await client.query('select pg_try_advisory_lock($1::bigint) as held', [OWNER_LOCK_KEY])
    if (locked.rows[0].held) {
      await createDatabase(client)
      return client
    }
    const owner = await client.query(
      `select substring(application_name from '^holdfast-owner-([0-9]+)$')::int as pid
         from pg_locks join pg_stat_activity using (pid)
        where locktype = 'advisory' and granted and objsubid = 1
          and (classid::bigint << 32 | objid::bigint) = $1::bigint`,
      [OWNER_LOCK_KEY],
    )
    await client.end()
    return owner.rows[0]?.pid ?? undefined
  } catch (error) {
    await client.end().catch(() => {})
    throw error
  }
}

/** Only the owner gets here, so nobody else makes it at the same moment. */
async function createDatabase(client: Client): Promise<void> {
  const { rowCount } = await client.query(`select from pg_database where datname = 'holdfast'`)
  if (!rowCount) await client.query('create database holdfast')
}
