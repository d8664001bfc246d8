import pg from 'pg'
import { vi } from 'vitest'

/** Records what this process asks of the database, without the beat of the connection that listens for notifications. */
export function spyOnQueries() {
  const asked = vi.spyOn(pg.Client.prototype, 'query')
  return {
    queries: () => {
      const queries = asked.mock.calls.map(([query]) => query as unknown as string | { text: string })
      return queries.filter((query) => !textOf(query).includes('pg_backend_pid()'))
    },
    restore: () => asked.mockRestore(),
  }
}

function textOf(query: string | { text: string }): string {
  return typeof query === 'string' ? query : query.text
}
