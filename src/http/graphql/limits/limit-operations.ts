import type { Plugin } from 'graphql-yoga'
import type { CallsUnderWay } from '../../overload/calls-under-way.ts'
import { UNAVAILABLE_RESULT } from '../graphql-errors.ts'

/**
 * Counts queries and mutations where they are executed, which is the same place for every transport. Subscriptions do not
 * count: those that begin together share a read, and after a restart thousands of watchers come back at once.
 */
export function limitOperations(calls: CallsUnderWay): Plugin {
  const refuse = () => ({ ...UNAVAILABLE_RESULT })
  return {
    onExecute({ executeFn, setExecuteFn }) {
      setExecuteFn((args) => calls.run(() => executeFn(args), refuse))
    },
  }
}
