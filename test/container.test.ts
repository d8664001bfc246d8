import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import packageJson from '../package.json' with { type: 'json' }

const read = (name: string) => readFile(new URL(`../${name}`, import.meta.url), 'utf8')
const [dockerfile, compose, ignored] = await Promise.all(
  ['Dockerfile', 'compose.yaml', '.dockerignore'].map(read),
)

/** The lines of a service of compose.yaml. */
function service(name: string): string {
  return new RegExp(`^  ${name}:\\n((?: {4}.*\\n|\\n)+)`, 'm').exec(compose!)![1]!
}

describe('the image', () => {
  it('is pinned to the Node that the tests run on', () => {
    const images = [...dockerfile!.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image)
    expect(images).toEqual(Array(2).fill(`node:${packageJson.dependencies.node}-trixie-slim`))
    expect(process.versions.node).toBe(packageJson.dependencies.node)
  })

  it('does not run as root, and does not own what it runs', () => {
    expect(dockerfile!.match(/^USER (.*)/gm)).toEqual(['USER node'])
    expect(dockerfile).not.toMatch(/--chown|--chmod|chmod|sudo/)
    // the last that is copied is copied before
    expect(dockerfile!.lastIndexOf('COPY')).toBeLessThan(dockerfile!.indexOf('USER node'))
  })

  it('installs what the lock file says, and takes nothing in but what it names', () => {
    expect(dockerfile).toMatch(/^RUN npm ci --omit=dev/m)
    expect(dockerfile).not.toMatch(/^ADD|curl|wget|npm install|COPY \. /m)
    expect(ignored!.split('\n').filter((line) => !line.startsWith('#'))[0]).toBe('*')
    expect(ignored).not.toMatch(/^!.*(\.env|\.git|\.data|test)/m)
  })

  it('is healthy when it is ready', () => {
    expect(dockerfile).toMatch(/^HEALTHCHECK .*\\\n.*\/health\/ready/m)
  })

  it('gets its signals itself', () => {
    expect(dockerfile).toMatch(/^CMD \["node", "src\/server.ts"\]$/m)
  })
})

describe('what compose starts', () => {
  it('has pinned images, a read-only file system and no way to more rights', () => {
    expect([...compose!.matchAll(/^ {4}image: (\S+)/gm)].map(([, image]) => image)).toEqual([
      'postgres:18.4-trixie',
    ])
    for (const name of ['holdfast', 'database']) {
      expect(service(name)).toMatch(/^ {4}read_only: true$/m)
      expect(service(name)).toMatch(/^ {4}tmpfs:\n {6}- \/tmp$/m)
      expect(service(name)).toContain('no-new-privileges:true')
      expect(service(name)).not.toMatch(/privileged|network_mode|pid:|cap_add|docker\.sock/)
    }
    expect(service('holdfast')).toMatch(/^ {4}cap_drop:\n {6}- ALL$/m)
  })

  it('has no default for a secret: it does not start without', () => {
    expect(service('holdfast')).toMatch(/^ {6}AUTH_JWT_SECRET: \$\{AUTH_JWT_SECRET:\?/m)
    for (const name of ['holdfast', 'database']) expect(service(name)).toContain('${POSTGRES_PASSWORD:?')
    for (const [, text] of compose!.matchAll(/^.*(?:SECRET|PASSWORD)[^$\n]*: (.*)$/gm))
      expect(text).toMatch(/^\$\{\w+:\?/)
    expect(dockerfile).not.toMatch(/SECRET|PASSWORD|TOKEN|DATABASE_URL=/)
  })

  it('shows the database to Holdfast alone', () => {
    expect(service('database')).not.toContain('ports:')
    expect(service('holdfast')).toMatch(/condition: service_healthy/)
    expect(service('database')).toContain('"pg_isready", "--host", "127.0.0.1"')
  })
})
