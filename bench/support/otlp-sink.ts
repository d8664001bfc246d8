// A collector of traces that takes whatever it is sent, and looks at none of it.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const server = createServer((request, response) => {
  request.resume().on('end', () => response.end())
})
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  process.stdout.write(`The collector is listening at http://127.0.0.1:${port}\n`)
})
