import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { findFreePort } from './free-port.ts'
import { eventually, isOpen } from './harness.ts'

/** Whether Debian's `pgbouncer`, or another, is on the PATH. */
export function hasPgBouncer(): boolean {
  try {
    execFileSync('pgbouncer', ['--version'])
    return true
  } catch {
    return false
  }
}

/**
 * Starts Debian's PgBouncer, with nothing set but what it has to be, in front of the server of a URL.
 *
 * @param settings lines of its configuration
 * @returns the URL that leads through it
 */
export async function startPgBouncer(databaseUrl: string, settings: string[] = []): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-pgbouncer-'))
  const { hostname, port: serverPort, username, password } = new URL(databaseUrl)
  const port = await findFreePort()
  const users = join(folder, 'userlist.txt')
  await writeFile(users, `"${username}" "${password}"\n`)
  const configuration = join(folder, 'pgbouncer.ini')
  const lines = [
    '[databases]',
    `* = host=${hostname} port=${serverPort}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${port}`,
    'unix_socket_dir =',
    'auth_type = scram-sha-256',
    `auth_file = ${users}`,
    ...settings,
  ]
  await writeFile(configuration, `${lines.join('\n')}\n`)
  const user = await lendTo([folder, users, configuration])
  const child = spawn('pgbouncer', ['--quiet', configuration], { stdio: 'ignore', ...user })
  const ended = once(child, 'exit')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
    await rm(folder, { recursive: true })
  })
  await eventually(() => isOpen(port))
  const url = new URL(databaseUrl)
  url.hostname = '127.0.0.1'
  url.port = port
  return url.href
}

/** PgBouncer refuses to run as root: root lends it the user of PostgreSQL. */
async function lendTo(paths: string[]): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const [uid, gid] = ['-u', '-g'].map((flag) => Number(execFileSync('id', [flag, 'postgres'])))
  for (const path of paths) await chown(path, uid!, gid!)
  return { uid: uid!, gid: gid! }
}
