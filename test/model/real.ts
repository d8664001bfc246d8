import fc from 'fast-check'
import type { App } from '../../src/create-app.ts'

/** What is held against the model: two applications on one database. */
export type Real = { first: App; second: App }

/** How often something is done, and by whom. */
export type How = 'once' | 'twice' | 'at the same time'
export const how = fc.constantFrom<How[]>('once', 'once', 'twice', 'at the same time')

/** Runs the same thing by one application, or by both. */
export async function run<Result>(
  { first, second }: Real,
  how: How,
  act: (app: App) => Promise<Result>,
): Promise<Result[]> {
  if (how === 'once') return [await act(first)]
  if (how === 'twice') return [await act(first), await act(second)]
  return together([act(first), act(second)])
}

/** Waits for all of them, also when one fails: none is left running into what comes next. */
export async function together<Result>(running: Promise<Result>[]): Promise<Result[]> {
  await Promise.allSettled(running)
  return Promise.all(running)
}

/** Does to the model what `run` does. */
export function times<Result>(how: How, act: () => Result): Result[] {
  return how === 'once' ? [act()] : [act(), act()]
}
