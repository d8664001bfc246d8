import { execFile, spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { posix, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { buildSchema, type GraphQLEnumType, parse, validate } from 'graphql'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { UserErrorCode } from '../src/domain/errors.ts'
import { ORDER_STATUSES } from '../src/domain/orders/order-status.ts'
import { toProblem } from '../src/http/rest/problem.ts'
import { createTestDatabase, eventually } from './support/harness.ts'
import { Processes, type RunningServer } from './support/server-process.ts'

const ROOT = fileURLToPath(new URL('../', import.meta.url))
/** Where the documents say that a server runs. */
const DOCUMENTED_URL = 'http://127.0.0.1:4000'
/** A stranger reads it in three minutes. */
const README_LINES_MAX = 220

const files = await listFiles()
const documents = await Promise.all(
  files
    .filter((path) => /^([A-Z]+|docs\/.*)\.md$/.test(path))
    .map(async (path) => ({ path, text: await read(path) })),
)

it('README.md fits three minutes', async () => {
  expect((await read('README.md')).trimEnd().split('\n').length).toBeLessThanOrEqual(README_LINES_MAX)
})

it("README.md's throughput is that of docs/performance.md", async () => {
  const figures = [...(await read('README.md')).matchAll(/^\|[^|]*\| ([\d,]+) +\|$/gm)].map(
    ([, figure]) => figure,
  )
  expect(figures.length).toBeGreaterThan(3)
  const measured = await read('docs/performance.md')
  for (const figure of figures) expect(measured).toContain(`${figure} orders/s`)
})

it.each(documents)('$path links to files and headings that exist', async ({ path, text }) => {
  const missing: string[] = []
  for (const link of linksIn(text)) {
    const [to = '', anchor] = link.split('#')
    const target = to === '' ? path : posix.join(posix.dirname(path), to).replace(/\/$/, '')
    const isThere = files.some((file) => file === target || file.startsWith(`${target}/`))
    if (!isThere) missing.push(link)
    else if (anchor !== undefined && !anchorsIn(await read(target)).includes(anchor)) missing.push(link)
  }
  expect(missing).toEqual([])
})

// decisions and the changelog tell of their time
const ofToday = documents.filter(({ path }) => !/^(docs\/decisions\/|CHANGELOG)/.test(path))
it.each(ofToday)('$path names files that exist', ({ text }) => {
  const names = [...withoutBlocks(text).matchAll(/`(\w[\w./-]*\.(?:ts|sql|cjs|json|svg|prisma))`/g)].map(
    ([, name]) => name!,
  )
  // written from the root, from src or test, or by the end of its path
  const isThere = (name: string) => files.some((file) => `/${file}`.endsWith(`/${name}`))
  expect(names.filter((name) => !name.includes('NNNN') && !isThere(name))).toEqual([])
})

it('GraphQL in the documents fits schema.graphql', async () => {
  const schema = buildSchema(await read('schema.graphql'))
  const shown = ofToday.flatMap(({ text }) =>
    // also in lists, where it is indented
    [...text.matchAll(/^ *```graphql\n(.*?)^ *```$/gms)].map(([, document]) => document!),
  )
  expect(shown.length).toBeGreaterThan(2)
  expect(shown.flatMap((document) => validate(schema, parse(document))).map(String)).toEqual([])
})

it('docs/api.md has every state, and every user error with its REST status', async () => {
  const text = await read('docs/api.md')
  expect(rowsOf(text, 'States').map(([state]) => state)).toEqual(expect.arrayContaining(ORDER_STATUSES))
  const { UserErrorCode } = buildSchema(await read('schema.graphql')).getTypeMap()
  const codes = (UserErrorCode as GraphQLEnumType).getValues().map(({ name }) => name as UserErrorCode)
  expect(
    rowsOf(text, 'Errors')
      .slice(0, codes.length)
      .map(([code, status]) => [code, Number(status)])
      .sort(),
  ).toEqual(codes.map((code) => [code, toProblem(code).status]).sort())
})

describe('the documented calls', () => {
  const processes = new Processes()
  let database: Awaited<ReturnType<typeof createTestDatabase>>
  let server: RunningServer

  beforeEach(async () => {
    database = await createTestDatabase()
    const { databaseUrl: DATABASE_URL } = database
    expect(await processes.run('prisma/seed.ts', { DATABASE_URL }).ended).toMatchObject({ code: 0 })
    server = await processes.startServer({ DATABASE_URL, SUPPLIER_RECHECK_DELAY_MS: '100' })
  })
  afterEach(async () => {
    await processes.end()
    await database.drop()
  })

  it.each(['README.md', 'docs/api.md', 'docs/csv.md'])(
    'of %s get the answers that it shows',
    async (path) => {
      const calls = callsIn(await read(path))
      expect(calls.length).toBeGreaterThan(2)
      const folder = await mkdtemp(posix.join(tmpdir(), 'holdfast-docs-'))
      const shell = startShell(folder)
      try {
        for (const { command, language, answer } of calls) {
          const text = command.replaceAll(DOCUMENTED_URL, server.url)
          if (command.includes('curl -N')) {
            const printed = await shell.watch(text, '"status":"RESERVED"')
            // the last event; those before may have been missed
            expect(normalised(printed)).toContain(normalised(answer).trimEnd().split('\n').at(-1)!)
          } else if (language === 'http' || language === 'csv') {
            const printed = normalised(await shell.run(text)).split(/\r?\n/)
            for (const line of normalised(answer).trimEnd().split('\n')) expect(printed).toContain(line)
          } else {
            expect(JSON.parse(normalised(await shell.run(text)))).toEqual(JSON.parse(normalised(answer)))
          }
        }
      } finally {
        shell.end()
        await rm(folder, { recursive: true })
      }
    },
  )

  it("of README.md's clients create an order", async () => {
    const programs = blocksIn(await read('README.md')).filter(({ language }) => language === 'js')
    expect(programs).toHaveLength(2)
    for (const { text } of programs) {
      const program = text.replaceAll(DOCUMENTED_URL, server.url)
      const args = ['--input-type=module', '--eval', program]
      const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT, timeout: 30_000 })
      expect(stdout).toContain("status: 'PENDING'")
    }
  })
})

/** Every file of the project, by its path from the root. What others wrote or programs generate is left out. */
async function listFiles(): Promise<string[]> {
  const entries = await readdir(ROOT, { withFileTypes: true })
  const folders = entries.filter(
    (entry) => entry.isDirectory() && !['node_modules', '.git', '.data'].includes(entry.name),
  )
  const nested = await Promise.all(
    folders.map(({ name }) => readdir(`${ROOT}${name}`, { recursive: true, withFileTypes: true })),
  )
  return [...entries, ...nested.flat()]
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => posix.join(relative(ROOT, parentPath), name))
}

function read(path: string): Promise<string> {
  return readFile(`${ROOT}${path}`, 'utf8')
}

function withoutBlocks(text: string): string {
  return text.replace(/^```.*?^```$/gms, '')
}

/** The cells of a section's rows that begin with code, without their quotes. */
function rowsOf(text: string, heading: string): string[][] {
  const [section = ''] = text.split(`\n## ${heading}\n`)[1]!.split(/^## /m)
  const rows = [...section.matchAll(/^\| `(.*) \|$/gm)].map(([, row]) => row!)
  return rows.map((row) => row.split(/ +\| +/).map((cell) => cell.replaceAll('`', '').trim()))
}

type Block = { language: string; text: string }

function blocksIn(text: string): Block[] {
  return [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language, text]) => {
    return { language: language!, text: text! }
  })
}

/** The shell's blocks that call a server, each with the answer that the next block shows, if that is one. */
function callsIn(text: string): { command: string; language: string; answer: string }[] {
  const blocks = blocksIn(text)
  return blocks.flatMap(({ language, text: command }, index) => {
    if (language !== 'sh' || !command.includes(DOCUMENTED_URL)) return []
    const next = blocks[index + 1]
    if (!next || !['', 'json', 'http', 'csv'].includes(next.language))
      return [{ command, language: '', answer: '' }]
    return [{ command, language: next.language, answer: next.text }]
  })
}

/** Links to files of the project and to headings. */
function linksIn(text: string): string[] {
  return [...withoutBlocks(text).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link]) => link!)
    .filter((link) => !/^[a-z]+:/.test(link))
}

/** The anchors of headings, as GitHub makes them. */
function anchorsIn(text: string): string[] {
  const seen = new Map<string, number>()
  return [...withoutBlocks(text).matchAll(/^#+ +(.+)$/gm)].map(([, heading]) => {
    const anchor = heading!
      .trim()
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-')
    const count = seen.get(anchor) ?? 0
    seen.set(anchor, count + 1)
    return count === 0 ? anchor : `${anchor}-${count}`
  })
}

/** Without what differs from run to run: ids of orders and movements, and times. */
function normalised(text: string): string {
  return text
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<uuid>')
    .replace(/\d{4}-\d{2}-\d{2}T[\d:.]+Z/g, '<time>')
    .replace(/"id": ?"\d+"/g, '"id":"<number>"')
}

/** One shell for all commands, so that a variable that one sets is there for the next, in a folder for their files. */
function startShell(folder: string) {
  const bash = spawn('bash', { cwd: folder, detached: true, stdio: ['pipe', 'pipe', 'ignore'] })
  let output = ''
  bash.stdout.setEncoding('utf8').on('data', (text) => {
    output += text
  })
  const printedUntil = async (command: string, mark: string): Promise<string> => {
    const start = output.length
    bash.stdin.write(`${command}\n`)
    const printed = await eventually(() => {
      const end = output.indexOf(mark, start)
      return end === -1 ? undefined : output.slice(start, end)
    })
    return printed!
  }
  return {
    /** Runs a command to its end. @returns what it printed */
    run: (command: string) => printedUntil(`${command.trimEnd()}\necho; echo '<end>'`, '\n<end>\n'),
    /** Runs a command that does not end by itself until the line with this text is there, and ends it. */
    watch: async (command: string, text: string) => {
      const start = output.length
      await printedUntil(`${command.trimEnd()} &`, text)
      const printed = await eventually(() => {
        const printed = output.slice(start)
        return printed.indexOf('\n', printed.indexOf(text)) === -1 ? undefined : printed
      })
      await printedUntil("kill $!; wait $!; echo '<ended>'", '<ended>\n')
      return printed!
    },
    end: () => process.kill(-bash.pid!, 'SIGKILL'),
  }
}
