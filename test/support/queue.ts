import type { Job } from '../../src/domain/upkeep/jobs.ts'
import { addJobs } from '../../src/sql/queue/add-jobs.ts'
import type { Queryable } from '../../src/sql/statement.ts'
import { eventually } from './harness.ts'

// graphile-worker's tables are private to it, and its public functions show no payload and take no attempt away. Tests
// read and change them here alone.

/** A job as it waits, or as a worker holds it. */
export type QueuedJob = {
  id: string
  task: string
  // biome-ignore lint/suspicious/noExplicitAny: whatever was written, by a test too
  payload: any
  /** The orders that it is about, in the order of the payload. */
  orderIds: string[]
  /** Of a call to the supplier; null where it reserves. */
  step: number | null
  attempts: number
  attemptsMax: number
  error: string | null
  /** Workers that have died with it. */
  deaths: number | null
  isAside: boolean
  /** The pool of the worker that holds it. */
  heldBy: string | null
  /** From when it was written to when it is due. */
  delayMs: number
  /** From now to when it is due: below 0 for one that is. */
  dueInMs: number
}

/** Which jobs are meant: without a condition all of them. Jobs of several orders count for each of them. */
export type JobFilter = {
  orderIds?: readonly string[]
  ids?: readonly string[]
  task?: string
  step?: number
  isHeld?: boolean
}

/** What a job is changed to. What is left out stays. */
export type JobChange = {
  dueInMs?: number
  attempts?: number
  attemptsMax?: number
  error?: string | null
  /** null where no worker died with it, as when it was written. */
  deaths?: number | null
  /** The pool that holds it, null for none. */
  heldBy?: string | null
  heldForMs?: number
  payload?: unknown
}

/** The orders of a job: of several, or of one as versions before 0.2 wrote it, and as calls to the supplier are. */
const ORDER_IDS = `array(
    select ref ->> 'orderId'
    from json_array_elements(
      case json_typeof(jobs.payload -> 'orders') when 'array' then jobs.payload -> 'orders' else json_build_array(jobs.payload) end
    ) with ordinality as refs (ref, turn)
    where ref ->> 'orderId' is not null order by turn
  )`

const FILTER = `tasks.id = jobs.task_id
    and ($1::text[] is null or ${ORDER_IDS} && $1)
    and ($2::bigint[] is null or jobs.id = any ($2))
    and ($3::text is null or tasks.identifier = $3)
    and ($4::text is null or jobs.payload ->> 'step' = $4)
    and ($5::bool is null or (jobs.locked_at is not null) = $5)`

const FROM = 'from graphile_worker._private_jobs as jobs, graphile_worker._private_tasks as tasks'

const READ = `select
    jobs.id::text, tasks.identifier as task, jobs.payload, ${ORDER_IDS} as "orderIds", (jobs.payload ->> 'step')::int as step,
    jobs.attempts::int, jobs.max_attempts::int as "attemptsMax", jobs.last_error as error,
    (jobs.flags ->> 'deaths')::int as deaths, coalesce(jobs.flags ? 'aside', false) as "isAside", jobs.locked_by as "heldBy",
    round(extract(epoch from jobs.run_at - jobs.created_at) * 1000)::int as "delayMs",
    extract(epoch from jobs.run_at - now())::float8 * 1000 as "dueInMs"
  ${FROM} where ${FILTER} order by jobs.id`

const DROP = `with dropped as (
    delete from graphile_worker._private_jobs where id in (select jobs.id ${FROM} where ${FILTER}) returning id
  )
  select count(*)::int as count from dropped`

const CHANGE = `with changed as (
    update graphile_worker._private_jobs as jobs set
      run_at = case when $6::jsonb ? 'dueInMs' then now() + ($6 ->> 'dueInMs')::float8 * interval '1 ms' else run_at end,
      max_attempts = case when $6 ? 'attemptsMax' then ($6 ->> 'attemptsMax')::int else max_attempts end,
      attempts = case when $6 ? 'attempts' then ($6 ->> 'attempts')::int else attempts end,
      last_error = case when $6 ? 'error' then $6 ->> 'error' else last_error end,
      flags = case when $6 ? 'deaths' then nullif(
        coalesce(flags, '{}') - 'deaths' || jsonb_strip_nulls(jsonb_build_object('deaths', ($6 ->> 'deaths')::int)), '{}'
      ) else flags end,
      locked_by = case when $6 ? 'heldBy' then $6 ->> 'heldBy' else locked_by end,
      locked_at = case
        when $6 ->> 'heldBy' is not null then now() - coalesce(($6 ->> 'heldForMs')::float8, 0) * interval '1 ms'
        when $6 ? 'heldBy' then null else locked_at
      end,
      payload = case when $6 ? 'payload' then ($6 -> 'payload')::json else jobs.payload end
    from graphile_worker._private_tasks as tasks
    where ${FILTER}
    returning jobs.id
  )
  select count(*)::int as count from changed`

/** Takes all jobs out of the queue, whoever holds them. */
export const EMPTY_QUEUE = 'truncate graphile_worker._private_jobs'

/** Jobs, oldest first. */
export async function readJobs(on: Queryable, jobs: JobFilter = {}): Promise<QueuedJob[]> {
  return (await on.query<QueuedJob>({ name: 'test-read-jobs', text: READ, values: valuesOf(jobs) })).rows
}

/** All that stands in the rows of a task's jobs, oldest first: by it a test sees whether anything has touched them. */
export async function readRows(on: Queryable, task: string): Promise<unknown[]> {
  const text = `select jobs.* ${FROM} where tasks.id = jobs.task_id and tasks.identifier = $1 order by jobs.id`
  return (await on.query({ text, values: [task] })).rows
}

/** @returns how many there were */
export async function dropJobs(on: Queryable, jobs: JobFilter = {}): Promise<number> {
  return (await on.query({ text: DROP, values: valuesOf(jobs) })).rows[0].count
}

/** @returns how many there were */
export async function changeJobs(on: Queryable, change: JobChange, jobs: JobFilter = {}): Promise<number> {
  const values = [...valuesOf(jobs), JSON.stringify(change)]
  return (await on.query({ text: CHANGE, values })).rows[0].count
}

/** Takes orders out of their jobs. Neighbours in the same job keep it. */
export async function loseJobsOf(on: Queryable, orderIds: readonly string[]): Promise<void> {
  for (const { id, payload, orderIds: all } of await readJobs(on, { orderIds })) {
    const orders = all.every((orderId) => orderIds.includes(orderId))
      ? []
      : payload.orders.filter((order: { orderId: string }) => !orderIds.includes(order.orderId))
    if (orders.length === 0) await dropJobs(on, { ids: [id] })
    else await changeJobs(on, { payload: { orders } }, { ids: [id] })
  }
}

/** Leaves jobs as those that have used up their attempts, and that nobody holds. */
export async function killJobs(on: Queryable, error: string | null, jobs: JobFilter = {}): Promise<void> {
  for (const { id, attemptsMax } of await readJobs(on, jobs)) {
    await changeJobs(on, { attempts: attemptsMax, error, heldBy: null }, { ids: [id] })
  }
}

/** Writes a job by graphile-worker's public function, whatever its payload is. */
export async function addJob(
  on: Queryable,
  task: string,
  payload: unknown,
  attemptsMax = 8,
): Promise<string> {
  const { rows } = await on.query<{ id: string }>(
    'select id::text from graphile_worker.add_job($1, $2::json, max_attempts := $3)',
    [task, JSON.stringify(payload), attemptsMax],
  )
  return rows[0]!.id
}

/** Waits until no job is left, of those that are meant. */
export async function untilNoJobs(on: Queryable, jobs: JobFilter = {}): Promise<void> {
  await eventually(async () => (await readJobs(on, jobs)).length === 0)
}

/** Writes jobs of every task, as many that are due and as many that are due in an hour, with no order. */
export async function fillQueue(on: Queryable, tasks: readonly string[], ofEach: number): Promise<void> {
  await on.query(
    'insert into graphile_worker._private_tasks (identifier) select unnest($1::text[]) on conflict do nothing',
    [tasks],
  )
  await on.query(
    `insert into graphile_worker._private_jobs (task_id, payload, run_at, max_attempts)
    select id, '{}', now() + hours * interval '1 h', 8
    from graphile_worker._private_tasks, unnest(array[-1, 1]) as hours, generate_series(1, $2::int)
    where identifier = any ($1)`,
    [tasks, ofEach],
  )
}

/** Has graphile-worker find no table of tasks, until what it gives is called. */
export async function hideTasks(on: Queryable): Promise<() => Promise<unknown>> {
  await on.query('alter table graphile_worker._private_tasks rename to hidden')
  return () => on.query('alter table graphile_worker.hidden rename to _private_tasks')
}

function valuesOf({ orderIds, ids, task, step, isHeld }: JobFilter): unknown[] {
  return [orderIds ?? null, ids ?? null, task ?? null, step?.toString() ?? null, isHeld ?? null]
}

/**
 * Writes a job that is due and that no worker gets while `holder` is connected: workers pass over a locked row. None may run yet.
 *
 * @param holder does nothing else
 */
export async function withholdJob(holder: Queryable, job: Job): Promise<void> {
  await addJobs(holder, [job])
  await holder.query('begin')
  await holder.query('select from graphile_worker._private_jobs order by id desc limit 1 for update')
}
