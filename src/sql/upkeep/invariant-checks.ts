import { prepare } from '../statement.ts'

/**
 * Takes the invariant whose last look is the longest ago, if that is `intervalMs` or more. It is the caller's for as
 * long, also when the caller dies with it: what fails is not tried again at once.
 *
 * Of two that find the same one due, the second waits for the row of the first, and sees that it is due no more.
 *
 * @returns nothing when none is due
 */
export const claimDueCheck = prepare<
  [invariants: readonly string[], intervalMs: number],
  { invariant: string }
>(
  'claim-due-check',
  `with due as (
    select known.invariant
    from unnest($1::text[]) with ordinality as known (invariant, ordinal)
    left join invariant_checks as past using (invariant)
    where past.started_at is null or past.started_at <= now() - $2::float8 * interval '1 ms'
    order by past.started_at nulls first, ordinal
    limit 1
  )
  insert into invariant_checks (invariant, started_at)
  select invariant, now() from due
  on conflict (invariant) do update set started_at = excluded.started_at
  where invariant_checks.started_at <= now() - $2::float8 * interval '1 ms'
  returning invariant`,
)

export const noteCheck = prepare<[invariant: string, breaches: number]>(
  'note-check',
  'update invariant_checks set finished_at = now(), breaches = $2 where invariant = $1',
)

/** Notes how many breaches there are of each invariant, all looked at just now: none is due for an interval. */
export const noteChecks = prepare<[invariants: readonly string[], breaches: readonly number[]]>(
  'note-checks',
  `insert into invariant_checks (invariant, started_at, finished_at, breaches)
  select invariant, now(), now(), breaches from unnest($1::text[], $2::int[]) as seen (invariant, breaches)
  order by invariant
  on conflict (invariant) do update
  set started_at = excluded.started_at, finished_at = excluded.finished_at, breaches = excluded.breaches`,
)

/** What the last look at each invariant that came to an end has found, by whichever process. */
export const findChecks = prepare<
  [invariants: readonly string[]],
  { invariant: string; finishedAt: Date; breaches: number }
>(
  'find-checks',
  `select invariant, finished_at as "finishedAt", breaches from invariant_checks
  where invariant = any ($1::text[]) and finished_at is not null`,
)

/** The number of the connection's process, by which it can be cancelled. */
export const findBackend = prepare<[], { pid: number }>('find-backend', 'select pg_backend_pid() as pid')

export const cancelBackend = prepare<[pid: number]>('cancel-backend', 'select pg_cancel_backend($1::int)')
