import { readdirSync, readFileSync } from 'node:fs'
import { expect } from 'vitest'
import type { App } from '../../../src/create-app.ts'
import { sharedTest as test } from '../../support/fixtures.ts'

// What Holdfast's statements name of graphile-worker beyond its documented interface. A new version of it that changes
// one of these fails here, and not in production.

/** Columns of its tables, with their types, as far as statements name them. */
const COLUMNS = {
  _private_jobs: {
    id: 'bigint',
    task_id: 'integer',
    payload: 'json',
    priority: 'smallint',
    run_at: 'timestamp with time zone',
    attempts: 'smallint',
    max_attempts: 'smallint',
    last_error: 'text',
    created_at: 'timestamp with time zone',
    locked_at: 'timestamp with time zone',
    locked_by: 'text',
    flags: 'jsonb',
    is_available: 'boolean',
  },
  _private_tasks: { id: 'integer', identifier: 'text' },
  // that it is there, and nothing in it
  migrations: {},
  jobs: { locked_at: 'timestamp with time zone', locked_by: 'text' },
}

/** Attributes of the type by which jobs are added: statements give them by their places. */
const JOB_SPEC = [
  ['identifier', 'text'],
  ['payload', 'json'],
  ['queue_name', 'text'],
  ['run_at', 'timestamp with time zone'],
  ['max_attempts', 'smallint'],
  ['job_key', 'text'],
  ['priority', 'smallint'],
  ['flags', 'text[]'],
]

async function readColumns(app: App, relation: string): Promise<[name: string, type: string][]> {
  const { rows } = await app.pool.query(
    `select attname as name, format_type(atttypid, atttypmod) as type from pg_attribute
    where attrelid = ('graphile_worker.' || quote_ident($1))::regclass and attnum > 0 and not attisdropped order by attnum`,
    [relation],
  )
  return rows.map(({ name, type }) => [name, type])
}

test.for(Object.entries(COLUMNS))(
  'its %s has the columns that statements name',
  async ([relation, columns], { app }) => {
    expect(Object.fromEntries(await readColumns(app, relation))).toMatchObject(columns)
  },
)

test('a job is described by the same values in the same places', async ({ app }) => {
  expect(await readColumns(app, 'job_spec')).toEqual(JOB_SPEC)
})

test('its functions take and give what statements expect', async ({ app }) => {
  const { rows } = await app.pool.query(
    `select proname as name, pg_get_function_arguments(oid) as takes, pg_get_function_result(oid) as gives
    from pg_proc where pronamespace = 'graphile_worker'::regnamespace and proname = any ($1) order by proname`,
    [['add_job', 'add_jobs', 'complete_jobs']],
  )
  expect(rows).toEqual([
    {
      name: 'add_job',
      takes: expect.stringMatching(
        /^identifier text, payload json .*, run_at timestamp with time zone .*, max_attempts integer .*, job_key text .*, job_key_mode text /,
      ),
      gives: 'graphile_worker._private_jobs',
    },
    {
      name: 'add_jobs',
      takes: expect.stringMatching(/^specs graphile_worker\.job_spec\[\]/),
      gives: 'SETOF graphile_worker._private_jobs',
    },
    { name: 'complete_jobs', takes: 'job_ids bigint[]', gives: 'SETOF graphile_worker._private_jobs' },
  ])
})

test('the index is there by which the status is read', async ({ app }) => {
  const { rows } = await app.pool.query(
    `select pg_get_indexdef(indexrelid) as index from pg_index where indexrelid = 'graphile_worker.jobs_main_index'::regclass`,
  )
  expect(rows[0].index).toMatch(/USING btree \(priority, run_at\) .*WHERE \(is_available = true\)/)
})

test('statements name no other relation of it, and private ones in one folder', () => {
  const named = new Set<string>()
  const outside: string[] = []
  for (const file of readdirSync('src', { recursive: true, encoding: 'utf8' })) {
    if (!/\.(ts|sql)$/.test(file) || file.startsWith('generated')) continue
    for (const [, name] of readFileSync(`src/${file}`, 'utf8').matchAll(/graphile_worker\.(\w+)/g)) {
      named.add(name!)
      if (name!.startsWith('_') && !file.startsWith('sql/queue/')) outside.push(file)
    }
  }
  expect(outside).toEqual([])
  const functions = ['add_job', 'add_jobs', 'complete_jobs', 'job_spec']
  expect([...named].sort()).toEqual([...Object.keys(COLUMNS), ...functions].sort())
})
