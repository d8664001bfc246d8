import { test as base } from 'vitest'
import { serveApp } from './graphql.ts'
import { createTestApp } from './harness.ts'

// What a test asks for by its name is made for it, and closed after it: then the invariants are checked.

/** Tests that each have an application, and a server, of their own. */
export const test = base
  // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from the pattern what a fixture asks for
  .extend('testApp', async ({}, { onCleanup }) => {
    const testApp = await createTestApp()
    onCleanup(testApp.close)
    return testApp
  })
  .extend('app', ({ testApp }) => testApp.app)
  .extend('server', async ({ testApp }, { onCleanup }) => {
    const server = await serveApp(testApp)
    onCleanup(server.close)
    return server
  })

const shared = { scope: 'file' } as const

/** Tests of a file that have one application, and one server, together. */
export const sharedTest = base
  // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from the pattern what a fixture asks for
  .extend('testApp', shared, async ({}, { onCleanup }) => {
    const testApp = await createTestApp()
    onCleanup(testApp.close)
    return testApp
  })
  .extend('app', shared, ({ testApp }) => testApp.app)
  .extend('server', shared, async ({ testApp }, { onCleanup }) => {
    const server = await serveApp(testApp)
    onCleanup(server.close)
    return server
  })
