import { type Logger, pino } from 'pino'
import { isClosedPipe } from './output.ts'
import { escapeControls, redact } from './redact.ts'

/** Anything shorter would be found in innocent words. */
const SECRET_LENGTH_MIN = 8

/**
 * Structured logs on standard output: JSON lines or, in a terminal and not in production, readable ones. Secrets are
 * hidden in both.
 *
 * @param onClosed hears that nobody reads standard output any more
 */
export function createLogger(
  level: string,
  {
    secrets = [],
    isProduction = false,
    onClosed = () => {},
  }: { secrets?: readonly string[]; isProduction?: boolean; onClosed?: () => void } = {},
): Logger {
  if (level === 'silent') return pino({ level })
  const hidden = secrets.filter(({ length }) => length >= SECRET_LENGTH_MIN).map(asInJson)
  const hide = (line: string) => redact(line, hidden)
  if (process.stdout.isTTY && !isProduction) {
    return pino({
      level,
      hooks: { streamWrite: (line) => escapeControls(hide(line)) },
      transport: { target: 'pino-pretty', options: { ignore: 'pid,hostname' } },
    })
  }
  // one write at a time, and what comes meanwhile goes with the next: a line a call would cost each order a system call
  const destination = pino.destination({ dest: 1, sync: false })
  let isWritable = true
  destination.on('error', (error) => {
    isWritable = false
    if (isClosedPipe(error)) onClosed()
  })
  destination.on('write', () => {
    isWritable = true
  })
  // before pino's own listener, which would try for ever on a disk that is full
  process.prependOnceListener('exit', () => {
    if (isWritable) destination.flushSync()
    else destination.destroy()
  })
  return pino({ level, hooks: { streamWrite: hide } }, destination)
}

function asInJson(text: string): string {
  return JSON.stringify(text).slice(1, -1)
}
