import { ConfigError } from '../config/read-config.ts'
import { outliveOutput } from '../observability/logs/output.ts'
import { CallFailedError } from './find-server.ts'

/** Of a program that did not do what it was asked for. */
const FAILED_EXIT_CODE = 2

/**
 * Runs a program that calls a server. What people can do something about is said in a line; all else is a bug, and thrown.
 *
 * @param main returns the exit code
 * @param usage is said to who called it with arguments that it does not know
 */
export async function runProgram(main: () => Promise<number>, usage: string): Promise<void> {
  outliveOutput()
  try {
    process.exitCode = await main()
  } catch (error) {
    const isUsage = error instanceof TypeError
    if (!isUsage && !isExpected(error)) throw error
    process.stderr.write(`${error.message}\n${isUsage ? `\n${usage}\n` : ''}`)
    process.exitCode = FAILED_EXIT_CODE
  }
}

function isExpected(error: unknown): error is Error {
  return error instanceof CallFailedError || error instanceof ConfigError || isSystemError(error)
}

/** Whether the system refused something: a file that is not there, a disk that is full. */
export function isSystemError(error: unknown): error is Error {
  return error instanceof Error && (error as NodeJS.ErrnoException).syscall !== undefined
}
