import { defineConfig } from 'vitest/config'

// without Vite's "development": graphql has another build under it, and two builds in one process do not know each
// other's errors
const conditions = ['module-sync', 'node']

export default defineConfig({
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/support/database-server.ts',
    setupFiles: 'test/support/setup.ts',
    // a test that waits for a process to start or for a fault to be noticed; none needs it on an idle machine
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // as `eventually` waits
    expect: { poll: { timeout: 50_000 } },
    pool: 'forks',
    // most of the time a test file waits: for a process to start, for a fault to be noticed
    maxWorkers: 2,
    // of the tests of a file that are marked to run at the same time: each starts a server
    maxConcurrency: 3,
    env: { LOG_LEVEL: 'silent' },
  },
})
