import { constants } from 'node:fs'
import { open, readlink } from 'node:fs/promises'

/** `npm start | head` is over when head is: sooner than anybody looks for what it left. */
const LOOK_INTERVAL_MS = 1_000

/**
 * Keeps this process alive where what it writes to is gone: a closed terminal, a pipe that nobody reads. Without it the
 * next line would end the process, in the middle of what it does.
 */
export function outliveOutput(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
}

/**
 * Resolves when nobody reads standard output any more, or when npm, which started this process, was killed: nobody is
 * left who would stop it.
 *
 * On Linux a pipe without a reader is noticed as soon as that has gone, elsewhere with the next line.
 */
export function untilAbandoned(): Promise<string> {
  const parent = process.ppid
  const isRunByNpm = process.env.npm_lifecycle_event !== undefined
  return new Promise((resolve) => {
    process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
      // of a terminal that was closed we hear by signal
      if (code === 'EPIPE') resolve('standard output closed')
    })
    const timer = setInterval(async () => {
      if (isRunByNpm && process.ppid !== parent) resolve('npm ended')
      if (await isPipeUnread()) resolve('standard output closed')
    }, LOOK_INTERVAL_MS)
    timer.unref()
  })
}

/** To open a pipe for writing without waiting for a reader fails where there is none (fifo(7)). */
async function isPipeUnread(): Promise<boolean> {
  try {
    const path = '/proc/self/fd/1'
    if (!(await readlink(path)).startsWith('pipe:')) return false
    await using _ = await open(path, constants.O_WRONLY | constants.O_NONBLOCK)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENXIO'
  }
}
