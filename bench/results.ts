import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { promisify } from 'node:util'
import type { DatabaseServer, ServerName } from './database-server.ts'
import { drawRatios } from './draw.ts'
import { drawGrowth } from './draw-growth.ts'
import { serverOf } from './report.ts'
import type { Measurement, Scenario } from './scenario.ts'

/** Where and when something was measured. */
export type Environment = {
  date: string
  /** Of what was measured; with `-dirty` where files were changed since. */
  commit: string
  node: string
  postgres: string
  /** Where it came from; of earlier results not set, which were all of the embedded one. */
  server?: ServerName
  cores: number
  isQuick: boolean
}

/** A scenario with every value that it measured. Its environment is its own: `--only` leaves the others as they were. */
export type ScenarioResult = Pick<Scenario, 'name' | 'description'> & {
  environment: Environment
  measurements: Measurement[]
}

const ROOT = new URL('..', import.meta.url).pathname
const DIRECTORY = new URL('../docs/benchmarks/', import.meta.url)

/** What decides the figures, apart from the machine. */
const MEASURED_FILES = ['src', 'prisma', 'bench', 'package-lock.json']

export async function describeEnvironment(
  { version, server }: Pick<DatabaseServer, 'version' | 'server'>,
  isQuick: boolean,
): Promise<Environment> {
  return {
    date: new Date().toISOString(),
    commit: await findCommit(),
    node: process.version,
    postgres: version,
    server,
    cores: availableParallelism(),
    isQuick,
  }
}

async function findCommit(): Promise<string> {
  const git = async (...args: string[]) =>
    (await promisify(execFile)('git', args, { cwd: ROOT })).stdout.trim()
  try {
    const commit = await git('rev-parse', 'HEAD')
    const changes = await git('status', '--porcelain', '--', ...MEASURED_FILES)
    return changes === '' ? commit : `${commit}-dirty`
  } catch {
    // a copy without its history can be measured as well
    return 'unknown'
  }
}

/**
 * Writes `docs/benchmarks/latest.json` and its pictures.
 *
 * @param results replace those of the same name on the same server; others that were measured before stay
 * @param order of the names
 */
export async function writeResults(
  results: readonly ScenarioResult[],
  order: readonly string[],
): Promise<void> {
  const keyOf = (name: string, server: ServerName) => `${name} ${server}`
  const byKey = new Map(
    [...(await readResults()), ...results].map((result) => [keyOf(result.name, serverOf(result)), result]),
  )
  const merged = SERVERS.flatMap((server) => order.flatMap((name) => byKey.get(keyOf(name, server)) ?? []))
  const drawn = merged.filter((result) => serverOf(result) === 'embedded')
  await mkdir(DIRECTORY, { recursive: true })
  await writeFile(new URL('latest.json', DIRECTORY), `${JSON.stringify({ scenarios: merged }, null, 2)}\n`)
  await writeFile(new URL('latest.svg', DIRECTORY), drawRatios(drawn))
  const growth = drawGrowth(drawn)
  if (growth) await writeFile(new URL('growth.svg', DIRECTORY), growth)
}

const SERVERS: readonly ServerName[] = ['embedded', 'system', 'given']

/** What `docs/benchmarks/latest.json` has. */
export async function readResults(): Promise<ScenarioResult[]> {
  try {
    return JSON.parse(await readFile(new URL('latest.json', DIRECTORY), 'utf8')).scenarios
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
