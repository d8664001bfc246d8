import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { promisify } from 'node:util'
import { drawRatios } from './draw.ts'
import { drawGrowth } from './draw-growth.ts'
import type { Measurement, Scenario } from './scenario.ts'

/** Where and when something was measured. */
export type Environment = {
  date: string
  /** Of what was measured; with `-dirty` where files were changed since. */
  commit: string
  node: string
  postgres: string
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

export async function describeEnvironment(postgres: string, isQuick: boolean): Promise<Environment> {
  return {
    date: new Date().toISOString(),
    commit: await findCommit(),
    node: process.version,
    postgres,
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
 * @param results replace those of the same name; others that were measured before stay
 * @param order of the names
 */
export async function writeResults(
  results: readonly ScenarioResult[],
  order: readonly string[],
): Promise<void> {
  const byName = new Map([...(await readResults()), ...results].map((result) => [result.name, result]))
  const merged = order.flatMap((name) => byName.get(name) ?? [])
  await mkdir(DIRECTORY, { recursive: true })
  await writeFile(new URL('latest.json', DIRECTORY), `${JSON.stringify({ scenarios: merged }, null, 2)}\n`)
  await writeFile(new URL('latest.svg', DIRECTORY), drawRatios(merged))
  const growth = drawGrowth(merged)
  if (growth) await writeFile(new URL('growth.svg', DIRECTORY), growth)
}

async function readResults(): Promise<ScenarioResult[]> {
  try {
    return JSON.parse(await readFile(new URL('latest.json', DIRECTORY), 'utf8')).scenarios
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
