import { graphql } from '../../../api/graphql.ts'
import { useWrite } from '../../../api/use-write.ts'
import type { OrderDialogProps } from './order-dialog.tsx'
import { VerbForm } from './verb-form.tsx'

const RetryOrderDocument = graphql(`
  mutation RetryOrder($ids: [ID!]!) {
    retryDeadLetters(ids: $ids) {
      deadLetters {
        id
        order {
          id
          version
          status
        }
      }
    }
  }
`)

/** Opens a failed order again. A second time it does nothing, so it takes neither a key nor a version. */
export function RetryDialog({ letterId, refresh, onClose }: OrderDialogProps & { letterId: string }) {
  const write = useWrite(RetryOrderDocument)
  const retry = async () => {
    const payload = await write.run({ ids: [letterId] })
    refresh()
    if (!payload) return undefined
    return payload.deadLetters.length > 0 ? 'The order is tried again' : 'Somebody has retried it already'
  }
  return (
    <VerbForm
      title="Retry the dead letter"
      submit="Retry"
      write={write}
      consequence={
        <p>
          The order is pending again, and reserving starts anew. Mend the cause first: if it is still there,
          the order fails again with another dead letter. A hold whose time is over stays failed.
        </p>
      }
      onSubmit={retry}
      onClose={onClose}
    />
  )
}
