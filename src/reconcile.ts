import { readConfigOrExit } from './config/read-config.ts'
import { createApp } from './create-app.ts'
import { isRefusal, isUnavailable } from './database/unavailable.ts'
import { createLogger } from './observability/logs/logger.ts'
import { outliveOutput } from './observability/logs/output.ts'
import type { Breach } from './sql/upkeep/find-breaches.ts'
import { reconcile } from './use-cases/stock/reconcile.ts'

// `npm run reconcile [-- --repair]`: checks every invariant of the database at DATABASE_URL and prints each breach, with
// its cause where it can be told. Exit code 0 when all hold (after repair, where asked for), 1 when not, 2 when that
// could not be found out.

outliveOutput()
const { databaseUrl, supplierPolicy } = readConfigOrExit()
if (!databaseUrl) exitWith('DATABASE_URL is not set: which database is to be checked?')
const repair = process.argv.includes('--repair')
const { breaches, repairs, failures, remaining } = await run(databaseUrl).catch((error: unknown) => {
  const text = error instanceof Error ? error.message || String((error as { code?: unknown }).code) : error
  return exitWith(
    isUnavailable(error) && !isRefusal(error)
      ? `The database at DATABASE_URL cannot be reached: ${text}`
      : `The database at DATABASE_URL cannot be checked: ${text}`,
  )
})

const print = (verb: string, lines: string[]) =>
  process.stdout.write(lines.map((line) => `${verb}: ${line}\n`).join(''))
print('broken', breaches.map(describe))
print('repaired', repairs)
print('not repaired', failures)
if (repair) print('for people to decide', remaining.map(describe))
process.stdout.write(`${breaches.length} breaches, ${remaining.length} left\n`)
process.exitCode = remaining.length === 0 ? 0 : 1

async function run(databaseUrl: string) {
  const { app, close } = await createApp({ databaseUrl, logger: createLogger('warn'), supplierPolicy })
  try {
    return await reconcile(app, { repair })
  } finally {
    await close()
  }
}

function describe({ invariant, subject, detail, cause }: Breach): string {
  return `${invariant}: ${subject}: ${detail}; cause: ${cause ?? 'cannot be told'}`
}

function exitWith(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(2)
}
