import { type Logger, pino } from 'pino'

export type { Logger }

/**
 * Structured logs on standard output: JSON lines, or readable ones in a terminal.
 *
 * @param level the least severe level that is written
 */
export function createLogger(level: string): Logger {
  if (level === 'silent') return pino({ level })
  if (process.stdout.isTTY) {
    return pino({ level, transport: { target: 'pino-pretty', options: { ignore: 'pid,hostname' } } })
  }
  // one write at a time, and what comes meanwhile goes with the next: a line a call would cost each order a system call
  const destination = pino.destination({ dest: 1, sync: false })
  process.once('exit', () => destination.flushSync())
  return pino({ level }, destination)
}
