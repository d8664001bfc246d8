import type { Webhook } from '../../domain/webhooks/webhook.ts'
import { plainArray, prepare, type Queryable } from '../statement.ts'

const WEBHOOK_COLUMNS = `
  id, url, events, status, disabled_reason as "disabledReason", failing_since as "failingSince", created_at as "createdAt"`

/** Reads every webhook, the oldest first. There are few: a limit bounds them. */
export const findWebhooks = prepare<[], Webhook>(
  'find-webhooks',
  `select ${WEBHOOK_COLUMNS} from webhooks order by id`,
)

/** Locks webhooks that exist, in the order of their ids. */
export function lockWebhooks(on: Queryable, ids: readonly string[]): Promise<Webhook[]> {
  return lock(on, plainArray(ids))
}

const lock = prepare<[ids: string], Webhook>(
  'lock-webhooks',
  `select ${WEBHOOK_COLUMNS} from webhooks where id = any ($1::uuid[]) order by id for update`,
)

/** Keeps others from creating webhooks until the transaction ends: their number is limited. */
export const lockWebhookCount = prepare<[], { count: number }>(
  'lock-webhook-count',
  `with locked as materialized (select pg_advisory_xact_lock(4716253910))
  select count(webhooks.id)::int as count from locked left join webhooks on true`,
)

export type NewWebhook = Pick<Webhook, 'id' | 'url' | 'events'> & {
  hasOrderEvents: boolean
  /** Sealed. */
  secret: string
}

/** Writes a webhook. Its place is the end of the outbox: events of what begins later are sent. */
export async function insertWebhook(on: Queryable, webhook: NewWebhook, at: Date): Promise<Webhook> {
  const { id, url, events, hasOrderEvents, secret } = webhook
  const [row] = await insert(on, id, url, events, hasOrderEvents, secret, at)
  return row!
}

const insert = prepare<unknown[], Webhook>(
  'insert-webhook',
  `insert into webhooks (id, url, events, has_order_events, status, cursor, secret, created_at)
  select
    $1, $2, $3, $4, 'ACTIVE', (select case when is_called then last_value else 0 end from inventory_movements_id_seq), $5, $6
  returning ${WEBHOOK_COLUMNS}`,
)

/** Writes what an operator changes of a webhook, its status and what is known of its failures. */
export async function writeWebhook(on: Queryable, webhook: Webhook, hasOrderEvents: boolean): Promise<void> {
  const { id, url, events, status, disabledReason, failingSince } = webhook
  await write(on, id, url, events, hasOrderEvents, status, disabledReason, failingSince)
}

const write = prepare(
  'write-webhook',
  `update webhooks set
    url = $2, events = $3, has_order_events = $4, status = $5, disabled_reason = $6, failing_since = $7
  where id = $1`,
)

/** A sealed secret that was replaced, and until when it signs as well. */
type ReplacedSecret = { secret: string; until: string }

/** Condition of a `replaced` secret that signs. */
const STILL_SIGNS = `(replaced ->> 'until')::timestamptz > now()`

/** Counts the secrets of a webhook that were replaced and still sign. */
export async function countReplacedSecrets(on: Queryable, id: string): Promise<number> {
  return (await countReplaced(on, id))[0]?.count ?? 0
}

const countReplaced = prepare<[id: string], { count: number }>(
  'count-replaced-secrets',
  `select count(*)::int from webhooks cross join jsonb_array_elements(replaced_secrets) as replaced
  where id = $1 and ${STILL_SIGNS}`,
)

/**
 * Disables active webhooks without a success for `failingMs`. Skips those with a delivery that is due or in flight: its attempt decides.
 *
 * @param claimMs what is due within this time may be in flight
 */
export const disableFailingWebhooks = prepare<
  [failingMs: number, reason: string, claimMs: number],
  Pick<Webhook, 'id' | 'url'>
>(
  'disable-failing-webhooks',
  `with failed as materialized (
    select id from webhooks
    where status = 'ACTIVE' and failing_since < now() - $1::float8 * interval '1 ms'
      and not exists (
        select from webhook_deliveries as deliveries
        where deliveries.webhook_id = webhooks.id and deliveries.status = 'PENDING'
          and deliveries.next_attempt_at <= now() + $3::float8 * interval '1 ms'
      )
    order by id for update
  )
  update webhooks set status = 'DISABLED', disabled_reason = $2 from failed where webhooks.id = failed.id
  returning webhooks.id, url`,
)

/** Gives a webhook another secret. The one before signs as well for a while, and so do those before it, each for its own time. */
export const replaceSecret = prepare<[id: string, secret: string, overlapMs: number]>(
  'replace-secret',
  `update webhooks set
    replaced_secrets =
      jsonb_build_object('secret', secret, 'until', now() + $3::float8 * interval '1 ms') || replaced_secrets,
    secret = $2
  where id = $1`,
)

/** Deletes a webhook. The sweep deletes its deliveries, of which there may be many. */
export const deleteWebhookRow = prepare<[id: string]>('delete-webhook', 'delete from webhooks where id = $1')

/** Forgets secrets that were replaced, once they sign no more. */
export const forgetReplacedSecrets = prepare<[], { id: string }>(
  'forget-replaced-secrets',
  `update webhooks set replaced_secrets = (
    select coalesce(jsonb_agg(replaced order by place), '[]')
    from jsonb_array_elements(replaced_secrets) with ordinality as each (replaced, place) where ${STILL_SIGNS}
  )
  where exists (select from jsonb_array_elements(replaced_secrets) as replaced where not ${STILL_SIGNS})
  returning id`,
)

/** Sealed secrets of a webhook. */
export type SealedSecrets = { id: string; secret: string; replaced: readonly ReplacedSecret[] }

/** Locks the secrets of every webhook. */
export const lockSecrets = prepare<[], SealedSecrets>(
  'lock-secrets',
  'select id, secret, replaced_secrets as replaced from webhooks order by id for update',
)

/** Writes the secrets of a webhook as they are sealed now. */
export async function writeSecrets(on: Queryable, { id, secret, replaced }: SealedSecrets): Promise<void> {
  await writeSealed(on, id, secret, JSON.stringify(replaced))
}

const writeSealed = prepare<[id: string, secret: string, replaced: string]>(
  'write-secrets',
  'update webhooks set secret = $2, replaced_secrets = $3 where id = $1',
)

/** A webhook, and the sealed secrets that sign for it now, the newest first. */
export type Addressee = Pick<Webhook, 'id' | 'url'> & {
  /** No delivery succeeded for a while. */
  isFailing: boolean
  secrets: readonly string[]
}

/**
 * Reads where deliveries of a webhook go.
 *
 * @param failingMs for how long no delivery succeeded where it counts as failing
 * @returns none if it was deleted
 */
export const findAddressee = prepare<[id: string, failingMs: number], Addressee>(
  'find-addressee',
  `select
    id, url, coalesce(failing_since < now() - $2::float8 * interval '1 ms', false) as "isFailing",
    secret || array(
      select replaced ->> 'secret' from jsonb_array_elements(replaced_secrets) with ordinality as each (replaced, place)
      where ${STILL_SIGNS} order by place
    ) as secrets
  from webhooks where id = $1`,
)

/** A webhook for which the outbox may be read on. */
export type Reader = Pick<Webhook, 'id' | 'events'> & { cursor: bigint }

/**
 * Finds active webhooks that have not read the outbox up to `end`. `isBusy`: so many deliveries wait for their first attempt that its
 * next events wait in the outbox, where they cost nothing.
 *
 * @param except ids of webhooks that are left out
 */
export function findReaders(
  on: Queryable,
  end: bigint,
  { except, untriedMax }: { except: readonly string[]; untriedMax: number },
): Promise<(Reader & { isBusy: boolean })[]> {
  return findBehind(on, end, plainArray(except), untriedMax)
}

const findBehind = prepare<[end: bigint, except: string, untriedMax: number], Reader & { isBusy: boolean }>(
  'find-readers',
  `select
    id, events, cursor,
    exists (
      select from webhook_deliveries as deliveries
      where deliveries.webhook_id = webhooks.id and deliveries.status = 'PENDING' and deliveries.attempts = 0
        and deliveries.next_attempt_at <= now()
      offset $3 - 1
    ) as "isBusy"
  from webhooks
  where status = 'ACTIVE' and cursor < $1 and id <> all ($2::uuid[])
  order by cursor, id`,
)

/** Finds active webhooks with `pendingMax` deliveries pending, failed ones too. Walks an index: some 0.1 ms for 1,000 of one webhook. */
export async function findFull(on: Queryable, pendingMax: number): Promise<string[]> {
  return (await findThoseFull(on, pendingMax)).map(({ id }) => id)
}

const findThoseFull = prepare<[pendingMax: number], { id: string }>(
  'find-full-webhooks',
  `select id from webhooks
  where status = 'ACTIVE' and exists (
    select from webhook_deliveries as deliveries
    where deliveries.webhook_id = webhooks.id and deliveries.status = 'PENDING' offset $1 - 1
  )`,
)

/** Locks those of the webhooks that are still active and at this place. */
export function lockReaders(on: Queryable, ids: readonly string[], cursor: bigint): Promise<Reader[]> {
  return lockBehind(on, plainArray(ids), cursor)
}

const lockBehind = prepare<[ids: string, cursor: bigint], Reader>(
  'lock-readers',
  `select id, events, cursor from webhooks
  where id = any ($1::uuid[]) and status = 'ACTIVE' and cursor = $2 order by id for update`,
)

/** Moves webhooks on to a place. */
export async function moveCursors(on: Queryable, ids: readonly string[], cursor: bigint): Promise<void> {
  await moveOn(on, plainArray(ids), cursor)
}

const moveOn = prepare<[ids: string, cursor: bigint]>(
  'move-cursors',
  'update webhooks set cursor = $2 where id = any ($1::uuid[])',
)

/** How webhooks stand to the outbox. `isAnyBehind`: an active one has not read it up to its last number. */
export type OutboxState = { isAny: boolean; isAnyActive: boolean; isAnyBehind: boolean }

/** Reads how webhooks stand to the outbox. @param except ids of webhooks that count as not behind */
export async function readOutboxState(on: Queryable, except: readonly string[]): Promise<OutboxState> {
  return (await readState(on, plainArray(except)))[0]!
}

const readState = prepare<[except: string], OutboxState>(
  'read-outbox-state',
  `select
    count(*) > 0 as "isAny",
    coalesce(bool_or(status = 'ACTIVE'), false) as "isAnyActive",
    coalesce(bool_or(status = 'ACTIVE' and cursor < ledger.number and id <> all ($1::uuid[])), false) as "isAnyBehind"
  from webhooks
  cross join (select case when is_called then last_value else 0 end as number from inventory_movements_id_seq) as ledger`,
)
