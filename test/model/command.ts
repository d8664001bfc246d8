import fc from 'fast-check'
import { expect } from 'vitest'
import { type Caller, LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { readState, stateOf } from './read-state.ts'
import type { Real } from './real.ts'
import { serveWaiting } from './reserving.ts'
import type { StockModel } from './stock-model.ts'
import { type Serving, serveQueues } from './work.ts'

export const NO_ORDER = '01900000-0000-7000-8000-000000000000'
export const ATTEMPTS_MAX = 8

export type Seen = Pick<StockModel, 'orders' | 'jobs' | 'letters' | 'requests'>

export const hasOrders = (model: Seen) => model.orders.length > 0
export const hasJobs = (model: Seen) => model.jobs.length > 0
export const hasRequests = (model: Seen) => model.requests.length > 0

export type Command = fc.AsyncCommand<StockModel, Real>

const serving = fc.constantFrom<Serving[]>('in turn', 'one by one', 'at the same time')

/** A command that runs on both, serves those who wait for what it left, and then compares orders, stock and what suppliers were asked for. */
export function command<Input>(
  name: string,
  input: fc.Arbitrary<Input>,
  act: (model: StockModel, real: Real, input: Input) => Promise<void>,
  canRun: (model: Seen) => boolean = () => true,
): fc.Arbitrary<Command> {
  return fc.tuple(input, serving).map(([value, serving]) => ({
    check: canRun,
    run: async (model, real) => {
      await act(model, real, value)
      await serveQueues(real, serving)
      serveWaiting(model)
      expect(await readState(real.first.pool)).toEqual(stateOf(model))
    },
    toString: () => `${name}(${fc.stringify(value)}), served ${serving}`,
  }))
}

export const as = (id: string): Caller => ({ ...LOCAL_OPERATOR, id })
