import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'

const read = (path: string) => readFile(new URL(`../${path}`, import.meta.url), 'utf8')

test('the generated client was made from the schema as it stands', async () => {
  const schema = await read('prisma/schema.prisma')
  const [, inlined] = /"inlineSchema": (".*?[^\\]"),/.exec(
    await read('src/generated/prisma/internal/class.ts'),
  )!
  // Prisma aligns what it inlines
  const withoutAlignment = (text: string) => text.replace(/ +/g, ' ')
  // where they differ: npm run generate
  expect(withoutAlignment(JSON.parse(inlined!))).toBe(withoutAlignment(schema))
})
