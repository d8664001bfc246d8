import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import {
  access,
  chown,
  constants,
  link,
  mkdir,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { StartError } from '../start/start-error.ts'
import {
  checkReachable,
  choosePostgresUser,
  type PostgresBinaries,
  type PostgresUser,
  runCommand,
} from './postgres-binaries.ts'
import { keepPrograms, PROGRAMS_FOLDER } from './postgres-programs.ts'

/** A data directory with a cluster in it, ready to be started. */
export type DataDirectory = {
  path: string
  /** The cluster itself, PostgreSQL's PGDATA. */
  cluster: string
  logFile: string
  portFile: string
  password: string
  binaries: PostgresBinaries
  user: PostgresUser
}

/** The superuser that owns everything in the cluster. */
export const DATABASE_USER = 'holdfast'

// initdb takes 1 to 5 s, its fsync included; a slow disk may take ten times that
const INITDB_LIMIT_MS = 120_000

const PASSWORD_BYTES = 24

// what a start makes before it renames it into place; the number is the pid of its maker
const UNFINISHED = /^(?:postgres|password|programs-.+)\.init-(\d+)-/

/** Opens `dataDir`, and makes the folder, the password and the cluster where they are missing. */
export async function openDataDirectory(
  dataDir: string,
  log: (line: string) => void,
): Promise<DataDirectory> {
  const path = await orSayWhere(dataDir, async () => {
    await mkdir(dirname(resolve(dataDir)), { recursive: true })
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    return realpath(dataDir)
  })
  const cluster = join(path, 'postgres')
  const user = await choosePostgresUser(cluster)
  await orSayWhere(path, () => access(path, constants.R_OK | constants.W_OK | constants.X_OK))
  await checkReachable(dirname(path), user, 'choose another DATA_DIR')
  if (user) await chown(path, user.uid, user.gid)

  await removeUnfinished(path)
  const binaries = await keepPrograms(path, user, makeWhole)
  const passwordFile = join(path, 'password')
  const directory = {
    path,
    cluster,
    logFile: join(path, 'postgres.log'),
    portFile: join(path, 'port'),
    binaries,
    user,
  }
  if (!existsSync(cluster)) {
    await createPassword(passwordFile, user)
    await createCluster(directory, passwordFile, log)
    // once more: a killed start's initdb goes on until it next writes to its closed pipe, by now it has ended
    await removeUnfinished(path)
  }
  return { ...directory, password: await readPassword(passwordFile) }
}

async function orSayWhere<Result>(dataDir: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (cause) {
    throw new StartError(
      `The folder of the embedded PostgreSQL, ${resolve(dataDir)}, cannot be made or written to ` +
        `(${(cause as Error).message}). Set DATA_DIR to one that can, or DATABASE_URL to a PostgreSQL of your own.`,
      { cause },
    )
  }
}

/** Does `work` on a folder that is then renamed to `target`, unless another process was first. */
async function makeWhole(target: string, work: (unfinished: string) => Promise<void>): Promise<void> {
  const unfinished = unfinishedName(target)
  try {
    await work(unfinished)
    await rename(unfinished, target)
  } catch (error) {
    await remove(unfinished)
    if (!hasCode(error, 'ENOTEMPTY', 'EEXIST')) throw error
  }
}

async function readPassword(passwordFile: string): Promise<string> {
  try {
    return (await readFile(passwordFile, 'utf8')).trim()
  } catch (cause) {
    throw new StartError(
      `The database's password could not be read from ${passwordFile}, and without it the database in ` +
        `${dirname(passwordFile)} cannot be opened. Restore the file, or choose another DATA_DIR.`,
      { cause },
    )
  }
}

/** Keeps the first password where two starts make one at the same moment: the cluster of either knows it. */
async function createPassword(passwordFile: string, user: PostgresUser): Promise<void> {
  const unfinished = unfinishedName(passwordFile)
  await writeFile(unfinished, randomBytes(PASSWORD_BYTES).toString('hex'), { mode: 0o600, flag: 'wx' })
  if (user) await chown(unfinished, user.uid, user.gid)
  try {
    await link(unfinished, passwordFile)
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw error
  } finally {
    await rm(unfinished, { force: true })
  }
}

async function createCluster(
  { path, cluster, binaries, user }: Omit<DataDirectory, 'password'>,
  passwordFile: string,
  log: (line: string) => void,
): Promise<void> {
  log(`Creating a PostgreSQL database in ${path}`)
  // where another start is first, its cluster has the same password
  await makeWhole(cluster, async (unfinished) => {
    const { code, output } = await runCommand(
      binaries.initdb,
      [
        ...['--pgdata', unfinished, '--username', DATABASE_USER, '--pwfile', passwordFile],
        ...['--auth', 'scram-sha-256', '--encoding', 'UTF8'],
        // PostgreSQL's own C.UTF-8 sorts and upper-cases alike on every machine, one without locales included
        ...['--no-locale', '--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8'],
      ],
      { user, cwd: path, limitMs: INITDB_LIMIT_MS },
    )
    if (code === 0) return
    throw new StartError(
      `PostgreSQL could not create a database in ${path} (initdb ended with ${code}):\n${output}`,
    )
  })
}

function unfinishedName(target: string): string {
  return `${target}.init-${process.pid}-${randomBytes(4).toString('hex')}`
}

/** Removes what killed starts left half-made, and leaves alone what another start is making now. */
async function removeUnfinished(path: string): Promise<void> {
  for (const name of await readdir(path)) {
    const maker = UNFINISHED.exec(name)?.[1]
    if (!maker) continue
    const file = join(path, name)
    const { birthtimeMs } = await stat(file).catch(() => ({ birthtimeMs: 0 }))
    // in a container the same pid comes again: nobody is still making what is older than initdb may take
    const isInTheMaking = isAlive(Number(maker)) && Date.now() - birthtimeMs < 2 * INITDB_LIMIT_MS
    if (!isInTheMaking) await remove(file)
  }
}

/** Removes a folder that an orphaned initdb may still be writing to; what stays goes at a later start. */
async function remove(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }).catch(() => {})
}

/** Whether a process with this pid exists, whoever owns it. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return hasCode(error, 'EPERM')
  }
}

/** Removes the programs of other versions. Only for the owner of a server that runs on this one's. */
export async function removeOtherPrograms({ path, binaries }: DataDirectory): Promise<void> {
  for (const name of await readdir(path)) {
    const isUsed = binaries.postgres.startsWith(join(path, name, '/'))
    if (PROGRAMS_FOLDER.test(name) && !isUsed) await remove(join(path, name))
  }
}

export function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}
