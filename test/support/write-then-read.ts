import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'

/** Calls one after the other, each of which writes all that it has before it reads. In a thread, and so no server's, of its own. */
export type WriteThenRead = { port: number; head: string; body: string; times: number; pauseMs: number }

/** What goes out before each pause. */
const PART_LENGTH = 65_536

/** The answer, or why there is none. */
function call({ port, head, body, pauseMs }: WriteThenRead): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1').setEncoding('latin1').pause()
    let answer = ''
    socket.on('error', ({ message }) => resolve(message))
    socket.on('data', (text) => {
      answer += text
    })
    socket.on('end', () => resolve(answer))
    socket.write(head)
    if (pauseMs === 0) socket.write(body, () => socket.resume())
    else void writeSlowly(socket, body, pauseMs)
  })
}

async function writeSlowly(socket: Socket, body: string, pauseMs: number): Promise<void> {
  for (let start = 0; start < body.length; start += PART_LENGTH) {
    socket.write(body.slice(start, start + PART_LENGTH))
    await sleep(pauseMs)
  }
  socket.resume()
}

const { times, ...one } = workerData as WriteThenRead
const answers: string[] = []
for (let time = 0; time < times; time++) answers.push(await call({ ...one, times }))
parentPort!.postMessage(answers)
