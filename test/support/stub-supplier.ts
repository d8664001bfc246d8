import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

/** How a call is answered: by a status alone, or with a body of JSON. */
export type StubAnswer = number | object

/** A supplier on a port of its own: it answers as `script` says, call after call, and keeps the headers of each. */
export async function startStubSupplier(script: StubAnswer[]) {
  const calls: { path: string; headers: IncomingHttpHeaders }[] = []
  const server = createServer(({ url, headers }, response) => {
    calls.push({ path: url!, headers })
    const answer = script[calls.length - 1] ?? 500
    if (typeof answer === 'number') response.writeHead(answer).end()
    else response.end(JSON.stringify(answer))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    close: () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
  }
}
