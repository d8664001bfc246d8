import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { PrismaPg } from '@prisma/adapter-pg'
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils'
import * as bindings from '@prisma/schema-engine-wasm/schema_engine_bg'
import pg from 'pg'
import { isUnavailable } from './unavailable.ts'

// TypeScript has these types only in the browser's library
declare const WebAssembly: {
  instantiate(
    bytes: Uint8Array,
    imports: Record<string, object>,
  ): Promise<{ instance: { exports: Record<string, unknown> } }>
}

const schemaPath = new URL('../../prisma/schema.prisma', import.meta.url)

/**
 * Runs `work` with Prisma's schema engine, in its WebAssembly build: the native one is a download that a closed
 * network refuses.
 *
 * @param databaseUrl the database that the engine migrates or compares with
 * @param amendScript makes of each script of the engine what is sent to the database, as one transaction
 */
export async function withSchemaEngine<Result>(
  databaseUrl: string,
  work: (engine: bindings.SchemaEngine) => Promise<Result>,
  amendScript = (script: string) => script,
): Promise<Result> {
  await instantiate()
  const pool = new pg.Pool({ connectionString: databaseUrl, application_name: 'holdfast-migrate' })
  // heard here, or it would end the process; the query under way fails all the same
  pool.on('error', () => {})
  let lost: Error | undefined
  // the engine passes on the text of an error alone, and who starts the server has to know an outage
  const query = pool.query.bind(pool) as (...args: unknown[]) => Promise<unknown>
  pool.query = ((...args: unknown[]) =>
    query(...args).catch((error) => {
      if (isUnavailable(error)) lost = error
      throw error
    })) as typeof pool.query
  const scripts = new AtomicScripts(pool, amendScript)
  try {
    const datamodels: [string, string][] = [['schema.prisma', await readFile(schemaPath, 'utf8')]]
    const engine = await bindings.SchemaEngine.new(
      { datamodels },
      () => {},
      bindMigrationAwareSqlAdapterFactory(scripts),
    )
    return await work(engine)
  } catch (cause) {
    const failure = lost ?? scripts.failure
    throw failure ? new Error(`A migration failed: ${failure.message}`, { cause: failure }) : cause
  } finally {
    // the engine's own advisory lock lives as long as its connection: left open, the next start waits 10 s for it
    await pool.end()
  }
}

/**
 * A migration is all there or not at all. The stock adapter cuts a script at every `;`, those in comments too, and
 * commits each piece alone; PostgreSQL runs a script sent whole as one transaction.
 */
class AtomicScripts extends PrismaPg {
  failure: Error | undefined
  readonly #amend: (script: string) => string

  constructor(pool: pg.Pool, amend: (script: string) => string) {
    super(pool)
    this.#amend = amend
  }

  override async connect() {
    const connection = await super.connect()
    connection.executeScript = async (script) => {
      try {
        await connection.underlyingDriver().query(this.#amend(script))
      } catch (cause) {
        // the engine would say "external error" and nothing of what PostgreSQL said
        this.failure = cause as Error
        throw cause
      }
    }
    return connection
  }
}

let instance: Promise<void> | undefined

/** Once per process. By hand, since `import … from './x.wasm'` makes Node print a warning of an experiment. */
function instantiate(): Promise<void> {
  instance ??= (async () => {
    const bindingsFile = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg')
    const file = bindingsFile.replace(/\.js$/, '.wasm')
    const imports = { './schema_engine_bg.js': { ...bindings, ...unrefTimers() } }
    const { instance } = await WebAssembly.instantiate(await readFile(file), imports)
    bindings.__wbg_set_wasm(instance.exports)
    const start = instance.exports.__wbindgen_start as () => void
    start()
  })()
  return instance
}

/** The engine's timer, under the name that its build gave it, made one that does not keep a finished process alive. */
function unrefTimers(): Record<string, object> {
  const names = Object.keys(bindings).filter((name) => name.startsWith('__wbg_setTimeout'))
  const setUnrefTimeout = (callback: () => void, ms: number) => setTimeout(callback, ms >>> 0).unref()
  return Object.fromEntries(names.map((name) => [name, setUnrefTimeout]))
}
