import type { ExecutionResult, GraphQLError } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { EXECUTION_TIMEOUT_MS } from '../../../limits.ts'
import { codedError } from '../graphql-errors.ts'

type OnExecute = NonNullable<Plugin['onExecute']>
type Execute = Parameters<Parameters<OnExecute>[0]['setExecuteFn']>[0]

/**
 * Answers a query or mutation that takes too long, and starts nothing more of it. What is under way in the database ends
 * by its own limits.
 */
export function limitExecutionTime(timeoutMs = EXECUTION_TIMEOUT_MS): Plugin {
  return {
    onExecute({ executeFn, setExecuteFn }) {
      setExecuteFn((args) => executeInTime(executeFn, args, timeoutMs))
    },
  }
}

async function executeInTime(
  execute: Execute,
  args: Parameters<Execute>[0],
  timeoutMs: number,
): Promise<ExecutionResult> {
  const stopping = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<ExecutionResult>((resolve) => {
    timer = setTimeout(() => {
      stopping.abort()
      resolve({ data: null, errors: [timedOut(timeoutMs)] })
    }, timeoutMs)
  })
  try {
    // by this name Yoga's executor takes it
    const stoppable = Object.assign(args, { signal: stopping.signal })
    return await Promise.race([execute(stoppable), timeout])
  } finally {
    clearTimeout(timer)
  }
}

function timedOut(timeoutMs: number): GraphQLError {
  return codedError(`The operation took more than ${timeoutMs / 1_000} s and was stopped`, 'TIMED_OUT')
}
