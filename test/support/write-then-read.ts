import { connect } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'

/** Calls one after the other, each of which writes all that it has before it reads. In a thread, and so no server's, of its own. */
export type WriteThenRead = { port: number; head: string; body: string; times: number }

/** The answer, or why there is none. */
function call({ port, head, body }: WriteThenRead): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1').setEncoding('latin1').pause()
    let answer = ''
    socket.on('error', ({ message }) => resolve(message))
    socket.on('data', (text) => {
      answer += text
    })
    socket.on('end', () => resolve(answer))
    socket.write(head)
    socket.write(body, () => socket.resume())
  })
}

const { times, ...one } = workerData as WriteThenRead
const answers: string[] = []
for (let time = 0; time < times; time++) answers.push(await call({ ...one, times }))
parentPort!.postMessage(answers)
