import { JOB_ATTEMPTS_MAX } from '../../domain/upkeep/jobs.ts'
import type { Delivery } from '../../domain/webhooks/webhook.ts'
import { plainArray, prepare, type Queryable } from '../statement.ts'

const DELIVERY_COLUMNS = `
  id, webhook_id as "webhookId", event_id as "eventId", event_type as "eventType", status, attempts,
  next_attempt_at as "nextAttemptAt", response_status as "responseStatus", response_body as "responseBody", error,
  duration_ms as "durationMs", created_at as "createdAt", ended_at as "endedAt"`

export type NewDelivery = Pick<Delivery, 'id' | 'webhookId' | 'eventId' | 'eventType'>

/** Writes deliveries that are due at once. */
export async function insertDeliveries(
  on: Queryable,
  deliveries: readonly NewDelivery[],
): Promise<Delivery[]> {
  if (deliveries.length === 0) return []
  return insert(
    on,
    plainArray(deliveries.map(({ id }) => id)),
    plainArray(deliveries.map(({ webhookId }) => webhookId)),
    deliveries.map(({ eventId }) => eventId),
    deliveries.map(({ eventType }) => eventType),
  )
}

const insert = prepare<unknown[], Delivery>(
  'insert-deliveries',
  `insert into webhook_deliveries (id, webhook_id, event_id, event_type, status, next_attempt_at, created_at)
  select id, webhook_id, event_id, event_type, 'PENDING', now(), now()
  from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) as input (id, webhook_id, event_id, event_type)
  returning ${DELIVERY_COLUMNS}`,
)

/** A delivery that this process sends now, and nobody else for a while. */
export type ClaimedDelivery = Pick<
  Delivery,
  'id' | 'webhookId' | 'eventId' | 'eventType' | 'attempts' | 'createdAt'
>

/** How many deliveries: whose first attempt is due, and which failed before. */
export type DueCounts = Record<DueKind, number>
export type DueKind = 'first' | 'retry'

/**
 * Claims deliveries of a webhook that are due, of each kind the longest due first. Of one that is not active only tests are due.
 *
 * @param claimMs after which they are due again, if nobody has said what came of them
 */
export function claimDue(
  on: Queryable,
  webhookId: string,
  { sizeMax, claimMs }: { sizeMax: DueCounts; claimMs: number },
): Promise<ClaimedDelivery[]> {
  return claim(on, webhookId, sizeMax.first, sizeMax.retry, claimMs)
}

/** Conditions of the two kinds. Each has an index, by when they are due. */
export const OF_KIND = {
  first: `webhook_deliveries.status = 'PENDING' and attempts = 0`,
  retry: `webhook_deliveries.status = 'PENDING' and attempts > 0`,
} as const satisfies Record<DueKind, string>

const claimable = (kind: DueKind, sizeMax: string) => `
  select id from webhook_deliveries
  where webhook_id = $1 and ${OF_KIND[kind]} and next_attempt_at <= now()
    and (
      event_type = 'webhook.test'
      or exists (select from webhooks where webhooks.id = $1 and webhooks.status = 'ACTIVE')
    )
  order by next_attempt_at limit ${sizeMax}
  for update skip locked`

const claim = prepare<
  [webhookId: string, firstMax: number, retryMax: number, claimMs: number],
  ClaimedDelivery
>(
  'claim-due',
  `with firsts as (${claimable('first', '$2')}), retries as (${claimable('retry', '$3')})
  update webhook_deliveries as deliveries
  set next_attempt_at = now() + $4::float8 * interval '1 ms'
  from (table firsts union all table retries) as due where deliveries.id = due.id
  returning deliveries.id, webhook_id as "webhookId", event_id as "eventId", event_type as "eventType", attempts,
    created_at as "createdAt"`,
)

/**
 * Enqueues a job for when the next delivery of a webhook is due, if there is one. It replaces the one before, by its key; of one that
 * a worker holds it takes the key, and runs beside it.
 *
 * @param delayMinMs it is due no sooner
 */
export async function addNextSending(on: Queryable, webhookId: string, delayMinMs: number): Promise<void> {
  await addNext(on, webhookId, delayMinMs, JOB_ATTEMPTS_MAX)
}

const nextOf = (kind: DueKind) => `
  select next_attempt_at from webhook_deliveries
  where webhook_id = webhooks.id and ${OF_KIND[kind]}
    and (webhooks.status = 'ACTIVE' or event_type = 'webhook.test')
  order by next_attempt_at limit 1`

const addNext = prepare<[webhookId: string, delayMinMs: number, attemptsMax: number]>(
  'add-next-sending',
  // add_jobs is not called, and no worker notified, where nothing is due
  `select count(*) from (
    select (
      'send-webhooks', json_build_object('webhookId', webhooks.id), null,
      greatest(next.next_attempt_at, now() + $2::float8 * interval '1 ms'),
      $3::smallint, 'send-webhooks:' || webhooks.id, null, null
    )::graphile_worker.job_spec as spec
    from webhooks cross join lateral (
      (${nextOf('first')}) union all (${nextOf('retry')}) order by next_attempt_at limit 1
    ) as next
    where webhooks.id = $1
  ) as wanted cross join lateral graphile_worker.add_jobs(array[wanted.spec])`,
)

/** Result of an attempt. `retryDelayMs`: null where none follows. */
export type SettledAttempt = Pick<
  Delivery,
  'id' | 'attempts' | 'responseStatus' | 'responseBody' | 'error' | 'durationMs'
> & {
  isDelivered: boolean
  retryDelayMs: number | null
}

/**
 * Writes the results of attempts. The update carries the guard: it skips a delivery that another attempt has moved on meanwhile.
 *
 * @returns the ids of those that were written
 */
export async function writeAttempts(on: Queryable, settled: readonly SettledAttempt[]): Promise<Set<string>> {
  const rows = await write(
    on,
    plainArray(settled.map(({ id }) => id)),
    plainArray(settled.map(({ attempts }) => attempts)),
    plainArray(settled.map(({ isDelivered }) => isDelivered)),
    plainArray(settled.map(({ retryDelayMs }) => retryDelayMs)),
    plainArray(settled.map(({ responseStatus }) => responseStatus)),
    settled.map(({ responseBody }) => responseBody),
    settled.map(({ error }) => error),
    plainArray(settled.map(({ durationMs }) => durationMs)),
  )
  return new Set(rows.map(({ id }) => id))
}

const write = prepare<unknown[], { id: string }>(
  'write-attempts',
  `update webhook_deliveries as deliveries
  set
    status = case
      when attempted.is_delivered then 'DELIVERED' when attempted.retry_delay_ms is null then 'GIVEN_UP' else 'PENDING'
    end::delivery_status,
    attempts = deliveries.attempts + 1,
    next_attempt_at = case when not attempted.is_delivered then now() + attempted.retry_delay_ms * interval '1 ms' end,
    ended_at = case when attempted.is_delivered or attempted.retry_delay_ms is null then now() end,
    response_status = attempted.response_status,
    response_body = attempted.response_body,
    error = attempted.error,
    duration_ms = attempted.duration_ms
  from unnest($1::uuid[], $2::int[], $3::boolean[], $4::float8[], $5::int[], $6::text[], $7::text[], $8::int[])
    as attempted (id, attempts, is_delivered, retry_delay_ms, response_status, response_body, error, duration_ms)
  where deliveries.id = attempted.id and deliveries.status = 'PENDING' and deliveries.attempts = attempted.attempts
  returning deliveries.id`,
)

/** Deletes what was delivered of each webhook, but for the last ones. */
export const deleteOldDelivered = prepare<[keptMax: number, sizeMax: number], { id: string }>(
  'delete-old-delivered',
  `delete from webhook_deliveries where id in (
    select old.id from webhooks cross join lateral (
      select id from webhook_deliveries
      where webhook_id = webhooks.id and status = 'DELIVERED'
      order by ended_at desc offset $1 limit $2
    ) as old limit $2
  )
  returning id`,
)

/** Gives up what is pending of webhooks that Holdfast disabled, but for tests. The lock keeps them disabled meanwhile. */
export const giveUpDisabled = prepare<[sizeMax: number], { id: string }>(
  'give-up-disabled',
  `with disabled as materialized (
    select id from webhooks where status = 'DISABLED' order by id for update
  )
  update webhook_deliveries set status = 'GIVEN_UP', next_attempt_at = null, ended_at = now()
  where id in (
    select pending.id from disabled cross join lateral (
      select id from webhook_deliveries
      where webhook_id = disabled.id and status = 'PENDING' and event_type <> 'webhook.test' limit $1
    ) as pending limit $1
  )
  returning id`,
)

/** Deletes deliveries of webhooks that were deleted. Goes from webhook to webhook by the index: reads no other row. */
export const deleteOfDeleted = prepare<[sizeMax: number], { id: string }>(
  'delete-of-deleted',
  `with recursive owners (id) as (
    (select webhook_id from webhook_deliveries order by webhook_id limit 1)
    union all
    select (select webhook_id from webhook_deliveries where webhook_id > owners.id order by webhook_id limit 1)
    from owners where owners.id is not null
  )
  delete from webhook_deliveries where id in (
    select orphan.id from owners cross join lateral (
      select id from webhook_deliveries where webhook_id = owners.id limit $1
    ) as orphan
    where not exists (select from webhooks where webhooks.id = owners.id) limit $1
  )
  returning id`,
)

/** Deletes what was given up long ago. */
export const deleteOldGivenUp = prepare<[ageMs: number, sizeMax: number], { id: string }>(
  'delete-old-given-up',
  `delete from webhook_deliveries where id in (
    select old.id from webhooks cross join lateral (
      select id from webhook_deliveries
      where webhook_id = webhooks.id and status = 'GIVEN_UP' and ended_at < now() - $1::float8 * interval '1 ms'
      order by ended_at limit $2
    ) as old limit $2
  )
  returning id`,
)

// Of a webhook that is disabled nothing is sent again: the sweep would give it up.
const OF_ENABLED = `exists (select from webhooks where webhooks.id = webhook_id and webhooks.status <> 'DISABLED')`
const AGAIN = `status = 'PENDING', attempts = 0, next_attempt_at = now(), ended_at = null`

/**
 * Makes the retries that a webhook waits to send due at once, so many of them: the others keep their time.
 *
 * @param claimMs what is due within this time may be in flight, and is left: it comes soon enough
 */
export const makeDueNow = prepare<[webhookId: string, claimMs: number, sizeMax: number]>(
  'make-due-now',
  `update webhook_deliveries set next_attempt_at = now() where id in (
    select id from webhook_deliveries
    where webhook_id = $1 and ${OF_KIND.retry} and next_attempt_at > now() + $2::float8 * interval '1 ms'
    order by next_attempt_at limit $3
  )`,
)

/** Finds the webhooks of the deliveries that exist among `ids`. */
export async function findWebhooksOf(on: Queryable, ids: readonly string[]): Promise<string[]> {
  return (await findOwners(on, plainArray(ids))).map(({ id }) => id)
}

const findOwners = prepare<[ids: string], { id: string }>(
  'find-webhooks-of',
  'select distinct webhook_id as id from webhook_deliveries where id = any ($1::uuid[])',
)

/**
 * Makes deliveries due again, with all their attempts before them.
 *
 * @param claimMs what is due within this time may be in flight, and is left: it comes soon enough
 * @returns those that exist, the oldest first
 */
export async function sendAgain(on: Queryable, ids: readonly string[], claimMs: number): Promise<Delivery[]> {
  return again(on, plainArray(ids), claimMs)
}

const MAY_BE_IN_FLIGHT = `status = 'PENDING' and next_attempt_at between now() and now() + $2::float8 * interval '1 ms'`

const again = prepare<[ids: string, claimMs: number], Delivery>(
  'send-again',
  `with again as (
    update webhook_deliveries set ${AGAIN}
    where id = any ($1::uuid[]) and ${OF_ENABLED} and not (${MAY_BE_IN_FLIGHT})
    returning *
  )
  select ${DELIVERY_COLUMNS} from again
  union all
  select ${DELIVERY_COLUMNS} from webhook_deliveries where id = any ($1::uuid[]) and ${OF_ENABLED} and ${MAY_BE_IN_FLIGHT}
  order by id`,
)

/** Makes what a webhook was not delivered, and was given up since a time, due again: the oldest first, so many at most. */
export const sendGivenUpAgain = prepare<[webhookId: string, since: Date, sizeMax: number], Delivery>(
  'send-given-up-again',
  `with again as (
    update webhook_deliveries set ${AGAIN} where id in (
      select id from webhook_deliveries
      where webhook_id = $1 and status = 'GIVEN_UP' and ended_at >= $2 and ${OF_ENABLED} order by ended_at limit $3
    )
    returning *
  )
  select ${DELIVERY_COLUMNS} from again order by id`,
)
