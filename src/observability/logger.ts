import { type Logger, pino } from 'pino'

export type { Logger }

/**
 * Structured logs: JSON lines, or readable ones in a terminal.
 *
 * @param level the least severe level that is written
 */
export function createLogger(level: string): Logger {
  if (!process.stdout.isTTY) return pino({ level })
  return pino({ level, transport: { target: 'pino-pretty', options: { ignore: 'pid,hostname' } } })
}
