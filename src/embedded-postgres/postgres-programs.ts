import { existsSync } from 'node:fs'
import {
  access,
  chmod,
  constants,
  copyFile,
  link,
  mkdir,
  readdir,
  readFile,
  readlink,
  stat,
  symlink,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { StartError } from '../start/start-error.ts'
import {
  checkReachable,
  findPostgresBinaries,
  type PostgresBinaries,
  type PostgresUser,
} from './postgres-binaries.ts'

/** The folders of programs in a data directory, one a version. */
export const PROGRAMS_FOLDER = /^programs-(?!.*\.init-)/

const READABLE_BY_ALL = 0o444

/**
 * Puts PostgreSQL's programs into the data directory, and returns where they are there.
 *
 * A server reads its own files for as long as it runs: libraries and time zones with each connection. Those among the
 * packages are deleted by an `npm ci` in the same folder. These are the same files under another name (hard links, which
 * take no room) or, on another file system, copies.
 *
 * @param make runs the work on a folder of its own and puts that in place whole, unless another process was first
 */
export async function keepPrograms(
  dataDir: string,
  user: PostgresUser,
  make: (target: string, work: (unfinished: string) => Promise<void>) => Promise<void>,
): Promise<PostgresBinaries> {
  const packaged = await findPostgresBinaries()
  const native = dirname(dirname(packaged.postgres))
  await assertComplete(native)
  const { version } = JSON.parse(await readFile(join(native, '../package.json'), 'utf8'))
  const kept = join(dataDir, `programs-${version}`)
  if (!existsSync(kept)) {
    await make(kept, async (unfinished) => {
      await linkTree(native, unfinished, user !== undefined)
    })
  }
  const binaries = {
    initdb: join(kept, 'bin/initdb'),
    pg_ctl: join(kept, 'bin/pg_ctl'),
    postgres: join(kept, 'bin/postgres'),
  }
  try {
    await access(binaries.postgres, constants.X_OK)
    return binaries
  } catch {
    // a file system from which nothing is run
    await checkReachable(packaged.postgres, user, 'set DATABASE_URL to a PostgreSQL of your own')
    return packaged
  }
}

/** The libraries' other names are made by an install script. */
async function assertComplete(native: string): Promise<void> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  const links: { target: string }[] = JSON.parse(list)
  for (const { target } of links) {
    if (existsSync(join(native, '..', target))) continue
    throw new StartError(
      'The embedded PostgreSQL is not complete, as after "npm ci --ignore-scripts". ' +
        'Run "npm ci" with install scripts, or set DATABASE_URL to a PostgreSQL of your own.',
    )
  }
}

async function linkTree(source: string, target: string, isForAnother: boolean): Promise<void> {
  await mkdir(target)
  // whatever the umask: the server may run as another user
  await chmod(target, 0o755)
  for (const entry of await readdir(source, { withFileTypes: true })) {
    const from = join(source, entry.name)
    const to = join(target, entry.name)
    if (entry.isDirectory()) await linkTree(from, to, isForAnother)
    else if (entry.isSymbolicLink()) await symlink(await readlink(from), to)
    else await linkFile(from, to, isForAnother)
  }
}

async function linkFile(from: string, to: string, isForAnother: boolean): Promise<void> {
  const { mode } = await stat(from)
  const isReadable = (mode & READABLE_BY_ALL) === READABLE_BY_ALL
  if (isReadable || !isForAnother) {
    const isLinked = await link(from, to).then(
      () => true,
      // another file system, or a file of another user
      () => false,
    )
    if (isLinked) return
  }
  await copyFile(from, to)
  await chmod(to, mode & 0o100 ? 0o755 : 0o644)
}
