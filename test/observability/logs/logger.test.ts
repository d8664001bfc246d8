import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { prettyFactory } from 'pino-pretty'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { escapeControls, redact } from '../../../src/observability/logs/redact.ts'

const LOGGER = new URL('../../../src/observability/logs/logger.ts', import.meta.url).href
const DSN = 'postgresql://holdfast:s3cr%40t-p@ss@db.internal:5432/holdfast'
const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl'
const FORGED = '\n{"level":60,"msg":"forged"}\n[12:00:00.000] FATAL: forged'
const ESCAPES = '\u001b[2J\u009b2J\u0007\r\u202e\u2028'

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-log-'))
})
afterAll(() => rm(dir, { recursive: true }))

/** What the logger writes in a process of its own, where standard output is no terminal. */
async function log(statement: string): Promise<string> {
  const script = join(dir, 'log.ts')
  await writeFile(
    script,
    `import { createLogger } from '${LOGGER}'
     const DSN = ${JSON.stringify(DSN)}, JWT = ${JSON.stringify(JWT)}
     const FORGED = ${JSON.stringify(FORGED)}, ESCAPES = ${JSON.stringify(ESCAPES)}
     const logger = createLogger('debug', { secrets: ['k"ey-of-jwt', 'short'] })
     ${statement}`,
  )
  return (await promisify(execFile)(process.execPath, [script])).stdout
}

describe('a line of the log', () => {
  it.each([
    ['a password in an error', 'logger.error({ err: new Error("cannot reach " + DSN) }, "failed")'],
    ['a password in a cause', 'logger.error({ err: new Error("x", { cause: new Error(DSN) }) }, "failed")'],
    [
      'a password in a field of an error',
      'logger.error({ err: Object.assign(new Error("x"), { detail: DSN }) })',
    ],
    ['a password in a message', 'logger.info("reached " + DSN)'],
    ['headers', 'logger.info({ req: { headers: { authorization: "Bearer " + JWT, cookie: "a=s3cr" } } })'],
    ['deep headers', 'logger.info({ a: { b: { c: [{ Authorization: "Basic s3cr" }] } } })'],
    ['raw headers', 'logger.info({ rawHeaders: ["Authorization", "Bearer " + JWT] })'],
    ['a token in an error', 'logger.warn({ err: new Error("bad token " + JWT) })'],
    ['an idempotency key', 'logger.info({ headers: { "idempotency-key": "s3cr\\"t" } })'],
    ['an idempotency key of GraphQL', 'logger.info({ variables: { input: { idempotencyKey: "s3cr" } } })'],
    [
      "a webhook's secret in an error",
      'logger.error({ err: new Error("bad whsec_s3cr+/eyJhbGc=") }, "failed")',
    ],
    ["a webhook's secret in a message", 'logger.info("made whsec_s3cr/T+A==")'],
    ["a webhook's secret in a field", 'logger.info({ a: [{ secrets: ["whsec_s3cr"], secret: "s3cr" }] })'],
    ['in a child', 'logger.child({ authorization: "s3cr" }).info({ url: DSN }, "x")'],
    [
      'the key of the tokens',
      'logger.info({ err: new Error("k\\"ey-of-jwt") }, "s3cr k\\"ey-of-jwt".slice(5))',
    ],
  ])('hides %s', async (_name, statement) => {
    const line = await log(statement)
    expect(JSON.parse(line)).toBeTruthy()
    expect(line).toContain('[hidden]')
    expect(line).not.toMatch(/s3cr|p@ss|eyJ|c2lnbm|ey-of-jwt/)
  })

  it('hides nothing else', async () => {
    const line = await log(
      'logger.info({ requestId: "a", sku: "BOLT", url: "http://127.0.0.1:4000/docs", to: "a@b.example" }, "in short: 5")',
    )
    expect(JSON.parse(line)).toMatchObject({
      requestId: 'a',
      sku: 'BOLT',
      url: 'http://127.0.0.1:4000/docs',
      to: 'a@b.example',
      msg: 'in short: 5',
    })
  })

  it('is one line without a control character, whatever is in it', async () => {
    const text = await log(
      `logger.info({ sku: FORGED + ESCAPES, err: new Error(FORGED + ESCAPES), ['key' + FORGED]: 1 }, FORGED + ESCAPES)`,
    )
    expect(text.split('\n')).toHaveLength(2)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(text.trimEnd()).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u202e]/)
    expect(JSON.parse(text)).toMatchObject({ sku: FORGED + ESCAPES, msg: FORGED + ESCAPES })
  })
})

describe('a secret', () => {
  it.each([
    ['a password of 1,900 characters', `redis://:${'s3cr'.repeat(475)}@cache:6379`],
    ['a password of a user with a long name', `https://${'u'.repeat(3_000)}:s3cr@host/`],
    ['a token with a header of 7,000 characters', `got ${JWT.replace('.', `${'x'.repeat(7_000)}.`)}`],
    ['a token after a dash', `token-${JWT}`],
  ])('is hidden: %s', (_name, text) => {
    const clean = redact(text)
    expect(clean).toContain('[hidden]')
    expect(clean).not.toMatch(/s3cr|eyJ|c2lnbm/)
  })
})

describe('a long line', () => {
  it.each(['a.', 'a-b', 'a://', 'a://b:', '://:', 'eyJ-', 'eyJ.', 'Bearer ', '"secret":"', '\\'])(
    'of %j over and over is searched to its end',
    (part) => {
      // what grows with the square of the length would take minutes, and so run out of the test's time
      const line = `${part.repeat(512_000 / part.length)} ${DSN}`
      expect(redact(line)).not.toContain('s3cr')
    },
  )
})

describe('in a terminal', () => {
  it.each([
    ['a readable line', false, /INFO.*: reached/],
    ['JSON in production', true, /^\{"level":30,.*"msg":"reached"\}$/],
  ])('is %s', async (_name, isProduction, form) => {
    const text = await log(
      `process.stdout.isTTY = true
       createLogger('info', { isProduction: ${isProduction} }).info('reached')`,
    )
    expect(text.trimEnd()).toMatch(form)
  })
})

describe('a line in a terminal', () => {
  const show = prettyFactory({ colorize: false, ignore: 'pid,hostname' })
  const pretty = (fields: object) =>
    show(escapeControls(redact(JSON.stringify({ level: 30, time: 0, ...fields }))))

  it('has no control character of others, and none of their line breaks where lines begin', () => {
    const stack = `Error: ${FORGED}${ESCAPES}\n    at somewhere (file.ts:1:1)`
    const text = pretty({
      sku: FORGED + ESCAPES,
      nested: { sku: FORGED + ESCAPES },
      err: { type: 'Error', message: FORGED + ESCAPES, stack },
      msg: `${FORGED}${ESCAPES}`,
    })
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u202e]/)
    const [first, ...others] = text.trimEnd().split('\n')
    expect(first).toMatch(/^\[.*\] INFO: \\n\{.*\\u001b\[2J/)
    for (const line of others) expect(line).toMatch(/^ {4}/)
    // a stack stays readable
    expect(text).toContain('\n              at somewhere (file.ts:1:1)\n')
  })
})
