import { readConfigOrExit } from '../src/config.ts'
import { createApp } from '../src/create-app.ts'
import { migrate } from '../src/database/migrate.ts'
import { createLogger } from '../src/observability/logger.ts'
import { seedDemoCatalogue } from '../src/use-cases/seed-demo-catalogue.ts'

// `npm run seed`: the demo catalogue into the database at DATABASE_URL. Again changes nothing.

const { databaseUrl, supplierPolicy } = readConfigOrExit()
if (!databaseUrl) {
  process.stderr.write(
    'DATABASE_URL is not set: the embedded database has the demo catalogue from its first start\n',
  )
  process.exit(1)
}
await migrate(databaseUrl)
const { app, close } = await createApp({ databaseUrl, logger: createLogger('warn'), supplierPolicy })
const created = await seedDemoCatalogue(app)
await close()
process.stdout.write(`${created} items created\n`)
