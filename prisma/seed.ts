import { readConfigOrExit } from '../src/config/read-config.ts'
import { createApp } from '../src/create-app.ts'
import { migrate } from '../src/database/migrate.ts'
import { isUnavailable } from '../src/database/unavailable.ts'
import { seedDemoCatalogue } from '../src/demo/seed-demo-catalogue.ts'
import { createLogger } from '../src/observability/logs/logger.ts'
import { outliveOutput } from '../src/observability/logs/output.ts'
import { redact } from '../src/observability/logs/redact.ts'

// `npm run seed`: the demo catalogue into the database at DATABASE_URL. Again changes nothing.

outliveOutput()
const { databaseUrl, supplierPolicy } = readConfigOrExit()
if (!databaseUrl) {
  process.stderr.write(
    'DATABASE_URL is not set: which database is to get the demo items? The embedded one has them from its first start.\n',
  )
  process.exit(1)
}
try {
  process.stdout.write(`${await seed(databaseUrl)} items created\n`)
} catch (error) {
  const text = (error as Error).message || (error as { code?: string }).code || String(error)
  const what = isUnavailable(error) ? 'reached' : 'seeded'
  process.stderr.write(`The database at DATABASE_URL cannot be ${what}: ${redact(text)}\n`)
  process.exitCode = 1
}

async function seed(databaseUrl: string): Promise<number> {
  await migrate(databaseUrl)
  const { app, close } = await createApp({ databaseUrl, logger: createLogger('warn'), supplierPolicy })
  try {
    return await seedDemoCatalogue(app)
  } finally {
    await close()
  }
}
