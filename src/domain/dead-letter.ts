import type { Job } from './jobs.ts'

/** Work that was given up: what was to be done, how often it was tried, and what went wrong the last time. */
export type DeadLetter = Job & {
  error: string
  /** Tries, the last included. */
  attempts: number
}

/** An error tells what went wrong in its first lines. */
export const ERROR_LENGTH_MAX = 2_000
