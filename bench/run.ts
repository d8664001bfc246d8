// npm run bench: measures Holdfast beside what it is held against, on this machine.
import { parseArgs } from 'node:util'
import { endProcesses } from './child-process.ts'
import { type DatabaseServer, startDatabaseServer } from './database-server.ts'
import { describeEnvironment, type ScenarioResult } from './environment.ts'
import { formatServersTable, formatTable } from './report.ts'
import { readResults, writeResult } from './results.ts'
import type { Scenario } from './scenario.ts'
import { scenarios } from './scenarios/index.ts'

const USAGE = `npm run bench -- [options]

  --only NAME    runs this scenario alone; more by repeating it, or with commas
  --quick        short runs that show that everything works, not how fast; writes nothing to docs/
  --write        writes docs/benchmarks/ also with --quick
  --list         names the scenarios
  --table        measures nothing: prints docs/benchmarks/latest.json as one table, each server a column

BENCH_DATABASE says which PostgreSQL to measure on: \`system\` for the newest that Debian's packages have installed, a folder
with initdb and pg_ctl, or the URL of a superuser on a server that is there. Without it: the embedded one.
`

/** The least of which a median says something. */
const REPETITIONS = 3

/** Somebody has had enough: what fails from here on fails because everything is being stopped. */
let isInterrupted = false

type Options = { isQuick: boolean; isWriting: boolean; chosen: Scenario[] }

/** @returns null where there is nothing to run, as what was asked for has been printed */
async function readOptions(): Promise<Options | null> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true },
      quick: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      table: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(USAGE)
    return null
  }
  if (values.list) {
    for (const { name, description } of scenarios) process.stdout.write(`${name.padEnd(24)} ${description}\n`)
    return null
  }
  if (values.table) {
    process.stdout.write(`${formatServersTable(await readResults())}\n`)
    return null
  }
  const names = values.only?.flatMap((value) => value.split(','))
  const unknown = names?.find((name) => !scenarios.some((scenario) => scenario.name === name))
  if (unknown !== undefined) {
    const known = scenarios.map(({ name }) => name).join(', ')
    throw new Error(`There is no scenario ${unknown}. There are: ${known}`)
  }
  return {
    isQuick: values.quick,
    isWriting: values.write || !values.quick,
    chosen: scenarios.filter(({ name }) => !names || names.includes(name)),
  }
}

/**
 * Writes what each scenario has measured when it ends: who interrupts a run of an hour keeps that.
 *
 * @returns what was measured, and how many scenarios failed: their answers or what they left behind was wrong
 */
async function runAll({ isQuick, isWriting, chosen }: Options, database: DatabaseServer) {
  const names = scenarios.map(({ name }) => name)
  const results: ScenarioResult[] = []
  let failures = 0
  for (const scenario of chosen) {
    const environment = await describeEnvironment(database, isQuick)
    log(`${scenario.name}: ${scenario.description}`)
    try {
      const measurements = await scenario.run({
        repetitions: isQuick ? 1 : REPETITIONS,
        isQuick,
        createDatabase: database.createDatabase,
        log: (line) => log(`  ${line}`),
      })
      const result = { name: scenario.name, description: scenario.description, environment, measurements }
      results.push(result)
      if (isWriting) await writeResult(result, names)
    } catch (error) {
      // the process ends once everything is stopped: nothing more is to be said or started
      if (isInterrupted) return new Promise<never>(() => {})
      failures++
      log(`${scenario.name} FAILED: ${error instanceof Error ? error.stack : error}`)
    }
  }
  return { results, failures }
}

function log(line: string): void {
  process.stderr.write(`${line}\n`)
}

async function main(): Promise<number> {
  const options = await readOptions()
  if (!options) return 0
  const starting = startDatabaseServer()
  const stop = async () => {
    await endProcesses()
    await (await starting).stop()
  }
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.once(signal, () => {
      isInterrupted = true
      stop().finally(() => process.exit(code))
    })
  }
  try {
    const { version, server } = await starting
    log(`PostgreSQL ${version} (${server})`)
    const { results, failures } = await runAll(options, await starting)
    process.stdout.write(`${formatTable(results)}\n`)
    if (options.isQuick) log('These were quick runs: the figures say little.')
    return failures > 0 ? 1 : 0
  } finally {
    await stop()
  }
}

// a reader that goes away, like `head`, must not keep the database from being stopped
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})

try {
  process.exitCode = await main()
} catch (error) {
  log(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
