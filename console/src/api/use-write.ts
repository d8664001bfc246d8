import type { CombinedError } from '@urql/core'
import { useMutation } from '@urql/preact'
import type { TadaDocumentNode } from 'gql.tada'
import { useState } from 'preact/hooks'

/** What a caller got wrong, as every payload has it. A mutation's document selects `userErrors { message field }`. */
export type UserError = { message: string; field: readonly string[] | null }

/** How a change goes. */
export type WriteState = {
  isRunning: boolean
  /** Why it did not go, where the input is at fault. */
  userErrors: readonly UserError[]
  /** Why it did not go, where it is something else. */
  error: CombinedError | undefined
}

export type Write<Data, Variables> = WriteState & {
  /** Runs it. Returns the payload, or undefined where it was refused. */
  run: (variables: Variables) => Promise<Data[keyof Data] | undefined>
}

/** Changes something by a mutation of one field. */
export function useWrite<Data extends object, Variables extends object>(
  document: TadaDocumentNode<Data, Variables>,
): Write<Data, Variables> {
  const [{ fetching, error }, execute] = useMutation<Data, Variables>(document)
  const [userErrors, setUserErrors] = useState<readonly UserError[]>([])
  const run = async (variables: Variables) => {
    setUserErrors([])
    const { data } = await execute(variables)
    if (!data) return undefined
    const payload = Object.values(data)[0] as Data[keyof Data] & { userErrors?: readonly UserError[] }
    const refusals = payload.userErrors ?? []
    setUserErrors(refusals)
    return refusals.length > 0 ? undefined : payload
  }
  return { isRunning: fetching, userErrors, error, run }
}
