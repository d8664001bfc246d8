import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A network between a browser and a server that can break: what is connected is cut off, and nothing connects any more. */
export async function startBreakableProxy(target: string) {
  const { port } = new URL(target)
  const sockets = new Set<Socket>()
  let isBroken = false
  const proxy = createServer((client) => {
    if (isBroken) return client.destroy()
    const server = connect(Number(port), '127.0.0.1')
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(from)
      from
        .on('error', () => {})
        .on('close', () => {
          sockets.delete(from)
          to.destroy()
        })
      from.pipe(to)
    }
  })
  await once(proxy.listen(0, '127.0.0.1'), 'listening')
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    break: () => {
      isBroken = true
      cut()
    },
    mend: () => {
      isBroken = false
    },
    close: () => {
      cut()
      proxy.close()
    },
  }
}
