import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findFreePort } from './free-port.ts'
import { eventually } from './harness.ts'

const DOCUMENT = new URL('../../docs/proxies.md', import.meta.url)

/** What a package of nginx brings, for one process that is nobody's service. */
const frame = (folder: string, http: string) => `
daemon off;
master_process off;
error_log ${folder}/error.log info;
pid ${folder}/pid;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  ${http}
}
`

export type Nginx = { url: string; readLog: () => Promise<string>; stop: () => Promise<void> }

/**
 * Starts Debian's nginx as a process of its own.
 *
 * @param configure gives what stands in `http {}`, for nginx to listen at this port
 */
export async function startNginx(configure: (port: string) => string): Promise<Nginx> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-nginx-'))
  const port = await findFreePort()
  await writeFile(join(folder, 'nginx.conf'), frame(folder, configure(port)))
  // Debian has it where only root looks
  const env = { PATH: `${process.env.PATH}:/usr/sbin` }
  const nginx = spawn('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')], { stdio: 'inherit', env })
  const ended = once(nginx, 'exit')
  await eventually(() => canConnect(Number(port)))
  return {
    url: `http://localhost:${port}`,
    readLog: () => readFile(join(folder, 'error.log'), 'utf8'),
    stop: async () => {
      nginx.kill('SIGTERM')
      await ended
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** The configuration of the document, for these addresses in the place of its own. */
export async function readDocumentedConfig(port: string, upstreams: readonly string[]): Promise<string> {
  const [, config] = /```nginx\n(.*?)```/s.exec(await readFile(DOCUMENT, 'utf8'))!
  const servers = upstreams.map((url) => `server ${new URL(url).host};`)
  return config!
    .replaceAll(/^ *server 127\.0\.0\.1:400\d.*\n/gm, '')
    .replace('upstream holdfast {', `upstream holdfast {\n${servers.join('\n')}`)
    .replace(/listen .*;/, `listen 127.0.0.1:${port};`)
}

/** The least that anybody writes. The upstream's name is the Host that it sends, and callers without a token need this one. */
export function plainConfig(port: string, upstreams: readonly string[]): string {
  const servers = upstreams.map((url) => `server ${new URL(url).host};`)
  return `upstream localhost { ${servers.join(' ')} }
    server { listen 127.0.0.1:${port}; client_max_body_size 50m; location / { proxy_pass http://localhost; } }`
}

async function canConnect(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
