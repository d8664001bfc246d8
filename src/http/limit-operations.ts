import type { Plugin } from 'graphql-yoga'
import type { CallsUnderWay } from './calls-under-way.ts'
import { UNAVAILABLE_RESULT } from './unavailable-result.ts'

/** Counts operations where they are executed, which is the same place for every transport. */
export function limitOperations(calls: CallsUnderWay): Plugin {
  const refuse = () => ({ ...UNAVAILABLE_RESULT })
  return {
    onExecute({ executeFn, setExecuteFn }) {
      setExecuteFn((args) => calls.run(() => executeFn(args), refuse))
    },
    // until the stream has begun
    onSubscribe({ subscribeFn, setSubscribeFn }) {
      setSubscribeFn((args) => calls.run(() => subscribeFn(args), refuse))
    },
  }
}
