import type { TadaDocumentNode } from 'gql.tada'
import { useKey } from '../../../api/use-key.ts'
import { useWrite, type WriteState } from '../../../api/use-write.ts'
import type { OrderDialogProps } from './order-dialog-props.ts'

/** What every change of an order says: which, as it stood when the dialog opened, and under which key. */
type Common = { id: string; expectedVersion: number; idempotencyKey: string }

/** What every change of an order answers. */
type Payload = { order: { version: number } | null }

type VerbCall<Input> = {
  write: WriteState
  /** Calls the verb. Returns `done` where it went well, which says what was done; undefined where it was refused. */
  call: (input: Omit<Input, keyof Common>, done: string) => Promise<string | undefined>
}

/** Prepares a change of an order for a dialog: one key and one version, from when it opened. */
export function useVerb<Data extends Record<string, Payload>, Input extends object>(
  document: TadaDocumentNode<Data, { input: Input }>,
  { order, refresh }: OrderDialogProps,
): VerbCall<Input> {
  const idempotencyKey = useKey()
  const { run, ...write } = useWrite(document)
  const common: Common = { id: order.id, expectedVersion: order.version, idempotencyKey }
  const call = async (input: Omit<Input, keyof Common>, done: string) => {
    const changed = await run({ input: { ...input, ...common } as unknown as Input })
    // also where it was refused: what stands there is old
    refresh(changed?.order?.version)
    return changed && done
  }
  return { write, call }
}
