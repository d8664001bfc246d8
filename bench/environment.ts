import { execFile } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { promisify } from 'node:util'
import type { DatabaseServer, ServerName } from './database-server.ts'
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

/** In one line, for people. */
export function formatEnvironment({ cores, node, postgres, date, isQuick }: Environment): string {
  return `${cores} cores, Node ${node}, PostgreSQL ${postgres}, ${date.slice(0, 10)}${isQuick ? ', QUICK RUN' : ''}`
}

/** The server that something was measured on. */
export function serverOf({ environment: { server = 'embedded' } }: ScenarioResult): ServerName {
  return server
}
