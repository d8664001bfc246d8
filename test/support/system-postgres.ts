import { chown, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { choosePostgresUser, runCommand } from '../../src/embedded-postgres/postgres-binaries.ts'
import { findFreePort } from './free-port.ts'

/** Where Debian's packages, and those of PostgreSQL for Debian, put each version. */
const DEBIAN = '/usr/lib/postgresql'
const LIMIT_MS = 120_000

/** A PostgreSQL that is not ours, in a temporary folder; stop() removes it. */
export type SystemPostgres = { url: string; stop: () => Promise<void> }

/** The folder with the programs of the newest PostgreSQL that the system has. @throws when it has none */
export async function findSystemPostgres(): Promise<string> {
  const versions = await readdir(DEBIAN).catch(() => [])
  const newest = versions.sort((a, b) => Number(a) - Number(b)).at(-1)
  if (newest === undefined) {
    throw new Error(`There is no PostgreSQL in ${DEBIAN}: apt-get install postgresql brings one`)
  }
  return join(DEBIAN, newest, 'bin')
}

/**
 * Makes a cluster by its own initdb and starts it, as who may not be root. All settings but these are as they come.
 *
 * @param bin the folder with initdb and pg_ctl
 */
export async function startSystemPostgres(
  bin: string,
  settings: Record<string, string>,
): Promise<SystemPostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-system-postgres-'))
  const cluster = join(folder, 'data')
  const user = await choosePostgresUser(cluster)
  if (user) await chown(folder, user.uid, user.gid)
  const run = async (program: string, ...args: string[]) => {
    const { code, output } = await runCommand(join(bin, program), args, {
      ...{ user, cwd: folder, limitMs: LIMIT_MS },
    })
    if (code !== 0) throw new Error(`${join(bin, program)} ended with ${code}:\n${output}`)
  }
  const remove = () => rm(folder, { recursive: true, force: true, maxRetries: 5 })
  try {
    await run(
      'initdb',
      '--pgdata',
      cluster,
      '--username',
      'holdfast',
      '--auth',
      'trust',
      '--encoding',
      'UTF8',
    )
    const port = await findFreePort()
    const all = {
      ...settings,
      port: String(port),
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
    }
    const options = Object.entries(all).map(([name, value]) => `-c ${name}='${value}'`)
    const log = join(folder, 'log')
    await run('pg_ctl', 'start', '--wait', '--pgdata', cluster, '--log', log, '--options', options.join(' '))
    return {
      url: `postgresql://holdfast@127.0.0.1:${port}/postgres`,
      stop: async () => {
        await run('pg_ctl', 'stop', '--wait', '--mode', 'fast', '--pgdata', cluster)
        await remove()
      },
    }
  } catch (error) {
    await remove()
    throw error
  }
}
