import { once } from 'node:events'
import { type IncomingHttpHeaders, request } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'

type RawCall = { method?: string; headers?: Record<string, string>; body?: string }
type RawAnswer = { status: number; headers: IncomingHttpHeaders; text: string }

/** Calls with exactly these headers: fetch has some of its own, and keeps others for itself. */
export function rawCall(url: string, { method = 'GET', headers, body }: RawCall = {}): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    request(url, { method, headers, agent: false }, (response) => {
      text(response).then(
        (text) => resolve({ status: response.statusCode!, headers: response.headers, text }),
        reject,
      )
    })
      .on('error', reject)
      .end(body)
  })
}

/** Sends these bytes and gives the first of what comes back. */
export async function sendBytes(url: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.write(bytes)
  const [answer] = await once(socket, 'data')
  socket.destroy()
  return String(answer)
}
