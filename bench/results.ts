import { mkdir, readFile, writeFile } from 'node:fs/promises'
import type { ServerName } from './database-server.ts'
import { drawRatios } from './draw.ts'
import { drawGrowth } from './draw-growth.ts'
import { type ScenarioResult, serverOf } from './environment.ts'

const DIRECTORY = new URL('../docs/benchmarks/', import.meta.url)

/**
 * Writes `docs/benchmarks/latest.json` and its pictures.
 *
 * @param result replaces the one of the same name on the same server; others that were measured before stay
 * @param order of the names
 */
export async function writeResult(result: ScenarioResult, order: readonly string[]): Promise<void> {
  const keyOf = (name: string, server: ServerName) => `${name} ${server}`
  const all = [...(await readResults()), result]
  const byKey = new Map(all.map((one) => [keyOf(one.name, serverOf(one)), one]))
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
