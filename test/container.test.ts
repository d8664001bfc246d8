import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { parse } from 'yaml'
import packageJson from '../package.json' with { type: 'json' }
import { sharedTest } from './support/fixtures.ts'
import { findFreePort } from './support/free-port.ts'

const read = (name: string) => readFile(new URL(`../${name}`, import.meta.url), 'utf8')
const [dockerfile, compose, ignored] = await Promise.all(
  ['Dockerfile', 'compose.yaml', '.dockerignore'].map(read),
)

/** The arguments of an instruction of the Dockerfile that stands there once, in the form that no shell reads. */
function commandOf(instruction: string): [program: string, ...args: string[]] {
  const [, command] = new RegExp(`^${instruction} (?:[^\\[]*CMD )?(\\[.*\\])$`, 'm').exec(dockerfile!)!
  return JSON.parse(command!)
}

describe('the image', () => {
  test('has the Node that the tests run on', () => {
    const images = [...dockerfile!.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image)
    expect(images).toEqual(Array(2).fill(`node:${packageJson.dependencies.node}-trixie-slim`))
    expect(process.versions.node).toBe(packageJson.dependencies.node)
  })

  test('starts a program that is in it, without a shell that would keep the signals', () => {
    const [program, script] = commandOf('CMD')
    expect(program).toBe('node')
    expect(existsSync(new URL(`../${script}`, import.meta.url))).toBe(true)
    expect(script).toMatch(/^src\//)
  })

  test('has every package that the console is bundled from', async () => {
    const folder = new URL('../console/', import.meta.url)
    const sources = (await readdir(folder, { recursive: true })).filter((file) =>
      /^(src\/.*|build)\.tsx?$/.test(file),
    )
    const texts = await Promise.all(sources.map((file) => readFile(new URL(file, folder), 'utf8')))
    const imported = texts
      .flatMap((text) => [...text.matchAll(/^import [^'"]*'(?!\.|node:)([^']+)'/gm)])
      .map(([, name]) => name!.split('/', name!.startsWith('@') ? 2 : 1).join('/'))
    expect(imported).toContain('preact')
    expect(imported.filter((name) => !(name in packageJson.dependencies))).toEqual([])
  })

  test('can copy what it names, and nothing else gets near it', () => {
    const copied = [...dockerfile!.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, names]) =>
      names!.split(' '),
    )
    const [everything, ...rules] = ignored!.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    expect(everything).toBe('*')
    const allowed = rules.flatMap((rule) => (rule.startsWith('!') ? [rule.slice(1)] : []))
    expect(new Set(copied)).toEqual(new Set(allowed))
    for (const name of copied) expect(existsSync(new URL(`../${name}`, import.meta.url)), name).toBe(true)
  })
})

describe('the health check of the image', () => {
  const [, ...args] = commandOf('HEALTHCHECK')

  /** How it ends against what listens at this port. */
  const check = (port: string) =>
    promisify(execFile)(process.execPath, args, { env: { PORT: port } }).then(
      () => 0,
      ({ code }) => code,
    )

  sharedTest('passes a server that is ready', async ({ server }) => {
    expect(await check(new URL(server.url).port)).toBe(0)
  })

  test('fails one that is not, and where nobody listens', async () => {
    const unready = createServer((_, response) => response.writeHead(503).end()).listen(0, '127.0.0.1')
    onTestFinished(() => void unready.close())
    await once(unready, 'listening')
    expect(await check(String((unready.address() as AddressInfo).port))).toBe(1)
    expect(await check(await findFreePort())).toBe(1)
  })
})

describe('what compose starts', () => {
  type Service = { environment: Record<string, string>; ports?: string[]; [name: string]: unknown }
  const { services } = parse(compose!) as { services: Record<string, Service> }

  test('has no default for a secret: it does not start without', () => {
    const secrets = Object.values(services).flatMap(({ environment }) =>
      Object.entries(environment).filter(([name]) => /SECRET|PASSWORD|DATABASE_URL/.test(name)),
    )
    expect(secrets.length).toBeGreaterThan(2)
    for (const [name, value] of secrets) {
      const variables = [...value.matchAll(/\$\{(\w+)(.*?)\}/g)]
      expect(variables.length, name).toBeGreaterThan(0)
      for (const [, , rest] of variables) expect(rest, name).toMatch(/^:\?/)
    }
    expect(dockerfile).not.toMatch(/SECRET|PASSWORD|TOKEN|DATABASE_URL=/)
  })

  test('can write nothing but what is gone with it, and shows Holdfast alone', () => {
    for (const [name, service] of Object.entries(services)) {
      expect(service, name).toMatchObject({
        read_only: true,
        security_opt: expect.arrayContaining(['no-new-privileges:true']),
      })
      expect(service.ports !== undefined, name).toBe(name === 'holdfast')
    }
  })
})
