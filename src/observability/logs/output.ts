/** Sooner than anybody looks for what was left. */
const LOOK_INTERVAL_MS = 1_000

/**
 * Keeps this process alive where what it writes to is gone: a closed terminal, a pipe that nobody reads. Without it the
 * next line would end the process, in the middle of what it does.
 *
 * @param onClosed hears that nobody reads standard output any more
 */
export function outliveOutput(onClosed: () => void = () => {}): void {
  process.stdout.on('error', (error) => {
    if (isClosedPipe(error)) onClosed()
  })
  process.stderr.on('error', () => {})
}

/** Whether the reader of a pipe has gone. Of a terminal that was closed we hear by signal. */
export function isClosedPipe(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EPIPE'
}

/**
 * Resolves when npm, which started this process, was killed: nobody is left who would stop it. Never resolves for a
 * process that something else started, which may mean to leave it alone.
 */
export function untilNpmEnded(): Promise<void> {
  const parent = process.ppid
  if (process.env.npm_lifecycle_event === undefined) return new Promise(() => {})
  return new Promise((resolve) => {
    setInterval(() => {
      if (process.ppid !== parent) resolve()
    }, LOOK_INTERVAL_MS).unref()
  })
}
