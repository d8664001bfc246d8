// Loaded into a server that is measured: tells what the process holds, in bytes, to whoever asks on this port.

import { createServer } from 'node:http'

createServer((request, response) => {
  if (request.url === '/after-gc') globalThis.gc?.()
  const { rss, heapUsed } = process.memoryUsage()
  response.setHeader('content-type', 'application/json').end(JSON.stringify({ rss, heapUsed }))
})
  .listen(Number(process.env.MEMORY_REPORTER_PORT), '127.0.0.1')
  .unref()
