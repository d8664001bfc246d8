import type { ServerResponse } from 'node:http'
import { STREAM_PING_INTERVAL_MS } from '../../limits.ts'

export const EVENT_STREAM = 'text/event-stream'
export const EVENT_HEADERS = {
  'content-type': EVENT_STREAM,
  // a proxy that compresses waits for more
  'cache-control': 'no-cache, no-transform',
  // nginx collects answers, unless it is told not to
  'x-accel-buffering': 'no',
}

/** A comment, which clients pass over. */
const PING = ':\n\n'

/** An event, in the form of server-sent events. `data` is one line. */
type ServerEvent = { name?: string; data: string; id?: string | undefined }

export function encodeEvent({ name, data, id }: ServerEvent): string {
  const idLine = id === undefined ? '' : `id: ${id}\n`
  const nameLine = name === undefined ? '' : `event: ${name}\n`
  return `${idLine}${nameLine}data:${data && ` ${data}`}\n\n`
}

/**
 * Writes items as server-sent events. The next is asked for once there is room for it; a client that leaves ends them.
 *
 * @param encode makes of an item the events that are written; undefined ends the stream there
 * @param encodeEnd makes the event behind the last item
 * @throws what the items fail with; the connection is broken then
 */
export async function writeEvents<Item>(
  response: ServerResponse,
  items: AsyncIterable<Item>,
  encode: (item: Item) => string | undefined,
  encodeEnd?: () => string,
): Promise<void> {
  const iterator = items[Symbol.asyncIterator]()
  // its close has been
  if (response.destroyed) return void (await iterator.return?.())
  const pinging = setInterval(() => {
    if (!response.writableNeedDrain) response.write(PING)
  }, STREAM_PING_INTERVAL_MS)
  let goOn = () => {}
  response.on('drain', () => goOn())
  response.once('close', () => {
    clearInterval(pinging)
    goOn()
    void leave(iterator)
  })
  // some browsers take no notice of headers alone
  response.writeHead(200, EVENT_HEADERS).write(PING)
  try {
    for await (const item of { [Symbol.asyncIterator]: () => iterator }) {
      if (response.destroyed) return
      const text = encode(item)
      if (text === undefined) return void response.end()
      const hasRoom = response.write(text)
      if (!hasRoom) await new Promise<void>((resolve) => (goOn = resolve))
    }
  } catch (error) {
    response.destroy()
    throw error
  } finally {
    // and not when it is closed, which it is once all is sent: what is written after the end fails, and ends the process
    clearInterval(pinging)
  }
  if (!response.destroyed) response.end(encodeEnd?.())
}

/** Ends items that nobody waits for. Nobody is left to be told that it fails. */
async function leave(items: AsyncIterator<unknown>): Promise<void> {
  try {
    await items.return?.()
  } catch {}
}
