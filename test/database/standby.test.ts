import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { migrate } from '../../src/database/migrate.ts'
import { startEmbeddedPostgres } from '../../src/embedded-postgres/embedded-postgres.ts'

test('a standby is refused by name, migrated or not', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'holdfast-standby-'))
  onTestFinished(() => rm(dataDir, { recursive: true, force: true, maxRetries: 5 }))
  const primary = await startEmbeddedPostgres({ dataDir })
  await migrate(primary.url)
  await primary.stop()
  await writeFile(join(dataDir, 'postgres/standby.signal'), '')
  const standby = await startEmbeddedPostgres({ dataDir })
  onTestFinished(() => standby.stop())
  await expect(migrate(standby.url)).rejects.toThrow(
    'The database "holdfast" is on a standby, which only reads. DATABASE_URL has to lead to the primary.',
  )
})
