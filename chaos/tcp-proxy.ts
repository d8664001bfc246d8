import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket, connect as tcpConnect } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'

/** A proxy before a TCP server on this machine that passes bytes until it is told to do harm. */
export type TcpProxy = {
  port: number
  /** Breaks every connection. @returns how many there were */
  cutAll(): number
  /** Cuts new connections as they come, until told otherwise; those that are open stay. */
  refuse(isRefusing: boolean): void
  /** Passes nothing, either way, until told otherwise. New connections are taken and wait. */
  stall(isStalled: boolean): void
  /** Holds back every piece that passes for so long; 0 for not at all. */
  delay(ms: number): void
  /** What is connected now passes nothing for ever, and is never closed; new connections are as before. */
  freezeOpen(): void
  /** Passes everything again. */
  heal(): void
  close(): Promise<void>
}

/** Looks at what passes on one connection. Each says whether a piece may pass: if not, the connection is broken. */
export type Tap = { toServer(piece: Buffer): boolean; toClient(piece: Buffer): boolean }

/** Listens on loopback for connections to `targetPort` on loopback. @param tap made anew for each connection */
export async function startTcpProxy(targetPort: number, tap: () => Tap): Promise<TcpProxy> {
  const pairs = new Set<[Socket, Socket]>()
  let isRefusing = false
  let delayMs = 0
  let stalled: PromiseWithResolvers<void> | undefined
  const closed = Promise.withResolvers<void>()
  /** What is connected and passes nothing more. */
  const frozen = new WeakSet<Socket>()

  const hold = (client: Socket, mayPass: (piece: Buffer) => boolean) =>
    async function* held(pieces: AsyncIterable<Buffer>) {
      for await (const piece of pieces) {
        if (delayMs > 0) await sleep(delayMs)
        while (stalled) await stalled.promise
        if (frozen.has(client)) await closed.promise
        if (!mayPass(piece)) return
        yield piece
      }
    }

  const server = createServer((client) => {
    client.on('error', () => {})
    if (isRefusing) return void client.resetAndDestroy()
    const upstream = tcpConnect({ host: '127.0.0.1', port: targetPort, noDelay: true })
    client.setNoDelay(true)
    upstream.on('error', () => {})
    const pair: [Socket, Socket] = [client, upstream]
    pairs.add(pair)
    const { toServer, toClient } = tap()
    const passing = [
      pipeline(client, hold(client, toServer), upstream),
      pipeline(upstream, hold(client, toClient), client),
    ]
    // each end's close is the other's: nothing is left half open
    void Promise.race(passing)
      .catch(() => {})
      .then(() => {
        pairs.delete(pair)
        for (const socket of pair) socket.destroy()
      })
    void Promise.allSettled(passing)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')

  const cutAll = () => {
    const cut = [...pairs]
    for (const socket of cut.flat()) socket.resetAndDestroy()
    return cut.length
  }
  const stall = (isStalled: boolean) => {
    if (isStalled) stalled ??= Promise.withResolvers()
    else {
      const ended = stalled
      stalled = undefined
      ended?.resolve()
    }
  }
  const freezeOpen = () => {
    for (const [client] of pairs) frozen.add(client)
    stall(false)
  }
  const heal = () => {
    isRefusing = false
    delayMs = 0
    stall(false)
  }
  return {
    port: (server.address() as AddressInfo).port,
    cutAll,
    refuse: (value) => {
      isRefusing = value
    },
    stall,
    delay: (ms) => {
      delayMs = ms
    },
    freezeOpen,
    heal,
    close: async () => {
      heal()
      closed.resolve()
      server.close()
      cutAll()
    },
  }
}
