import { useWrite } from '../../../api/use-write.ts'
import { RetryDocument } from '../../dead-letters/retry.ts'
import type { OrderDialogProps } from './order-dialog-props.ts'
import { VerbForm } from './verb-form.tsx'

type RetryDialogProps = Pick<OrderDialogProps, 'refresh' | 'onClose'> & { letterId: string }

/** Opens a failed order again. A second time it does nothing, so it takes neither a key nor a version. */
export function RetryDialog({ letterId, refresh, onClose }: RetryDialogProps) {
  const write = useWrite(RetryDocument)
  const retry = async () => {
    const payload = await write.run({ ids: [letterId] })
    refresh()
    if (!payload) return undefined
    const [closed] = payload.deadLetters
    if (!closed) return 'Somebody has retried it already'
    if (closed.order.status === 'FAILED')
      return 'It is closed. The time of its hold is over: its order stays failed'
    return 'The order is tried again'
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
