import { readConfigOrExit } from './config.ts'
import { createApp } from './create-app.ts'
import { createLogger } from './observability/logger.ts'
import { reconcile } from './use-cases/reconcile.ts'

// `npm run reconcile [-- --repair]`: checks every invariant of the database at DATABASE_URL and prints each breach.
// Exit code 0 when all hold (after repair, where asked for), 1 when not.

const { databaseUrl, supplierPolicy } = readConfigOrExit()
if (!databaseUrl) {
  process.stderr.write('DATABASE_URL is not set: which database is to be checked?\n')
  process.exit(1)
}
const repair = process.argv.includes('--repair')
const { app, close } = await createApp({ databaseUrl, logger: createLogger('warn'), supplierPolicy })
const { breaches, repairs, left } = await reconcile(app, { repair })
await close()

for (const { invariant, subject, detail } of breaches)
  process.stdout.write(`broken: ${invariant}: ${subject}: ${detail}\n`)
for (const line of repairs) process.stdout.write(`repaired: ${line}\n`)
process.stdout.write(`${breaches.length} breaches, ${left.length} left\n`)
process.exit(left.length === 0 ? 0 : 1)
