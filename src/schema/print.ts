import { readFile, writeFile } from 'node:fs/promises'
import { buildSchema, findBreakingChanges, lexicographicSortSchema, printSchema } from 'graphql'
import { schema } from './index.ts'

// `node src/schema/print.ts` writes schema.graphql. With --check it only says whether that is up to date, and whether the
// changelog names each change since the last release that breaks a client. With --release it takes the schema as released.

const fileAt = (name: string) => new URL(`../../${name}`, import.meta.url)
const printed = `${printSchema(lexicographicSortSchema(schema))}\n`

if (process.argv.includes('--check')) {
  const faults = [...(await findStale()), ...(await findUnnamedBreaks())]
  for (const fault of faults) process.stderr.write(`${fault}\n`)
  if (faults.length > 0) process.exitCode = 1
} else {
  const name = process.argv.includes('--release') ? 'schema.released.graphql' : 'schema.graphql'
  await writeFile(fileAt(name), printed)
}

async function findStale(): Promise<string[]> {
  const written = await readFile(fileAt('schema.graphql'), 'utf8').catch(() => '')
  return written === printed ? [] : ['schema.graphql differs from the code: npm run schema writes it anew']
}

/** Breaking changes that the section "Unreleased" of the changelog does not have, in the words of graphql-js. */
async function findUnnamedBreaks(): Promise<string[]> {
  const released = buildSchema(await readFile(fileAt('schema.released.graphql'), 'utf8'))
  const changelog = await readFile(fileAt('CHANGELOG.md'), 'utf8')
  const [, unreleased = ''] = changelog.split(/^## /m)
  const named = unreleased.replaceAll('`', '').replace(/\s+/g, ' ')
  return findBreakingChanges(released, schema)
    .filter(({ description }) => !named.includes(description))
    .map(
      ({ description }) =>
        `A breaking change of the schema that CHANGELOG.md does not name under "Unreleased": ${description}`,
    )
}
