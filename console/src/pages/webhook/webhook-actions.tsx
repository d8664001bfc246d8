import { graphql } from '../../api/graphql.ts'
import { useWrite } from '../../api/use-write.ts'
import { announce } from '../../components/announcer.tsx'
import { Button } from '../../components/button.tsx'
import type { WebhookDialogKind } from './webhook-dialog.tsx'

const TestWebhookDocument = graphql(`
  mutation TestWebhook($id: ID!) {
    testWebhook(id: $id) {
      count
      userErrors {
        message
        field
      }
    }
  }
`)

const SetWebhookStatusDocument = graphql(`
  mutation SetWebhookStatus($input: UpdateWebhookInput!) {
    updateWebhook(input: $input) {
      webhook {
        id
        status
      }
      userErrors {
        message
        field
      }
    }
  }
`)

/** What is done with a webhook by a click: a test, pause and resume. */
export function useWebhookActions(id: string, onDone: () => void) {
  const test = useWrite(TestWebhookDocument)
  const setStatus = useWrite(SetWebhookStatusDocument)
  return {
    isRunning: test.isRunning || setStatus.isRunning,
    userErrors: [...test.userErrors, ...setStatus.userErrors],
    error: test.error ?? setStatus.error,
    async test() {
      if (!(await test.run({ id }))) return
      announce('A test is on its way: its delivery is the first below')
      onDone()
    },
    async setStatus(status: 'ACTIVE' | 'PAUSED') {
      if (!(await setStatus.run({ input: { id, status } }))) return
      announce(status === 'PAUSED' ? 'It is paused' : 'It is active, and is told what happened meanwhile')
      onDone()
    },
  }
}

type WebhookActionsProps = {
  isActive: boolean
  actions: ReturnType<typeof useWebhookActions>
  open: (dialog: WebhookDialogKind) => void
}

/** The buttons beside a webhook's URL. */
export function WebhookActions({
  isActive,
  actions: { isRunning, test, setStatus },
  open,
}: WebhookActionsProps) {
  return (
    <>
      <Button variant="primary" isBusy={isRunning} onClick={() => void test()}>
        Test
      </Button>
      <Button isBusy={isRunning} onClick={() => void setStatus(isActive ? 'PAUSED' : 'ACTIVE')}>
        {isActive ? 'Pause' : 'Resume'}
      </Button>
      <Button onClick={() => open('change')}>Change</Button>
      <Button onClick={() => open('rotate')}>Rotate secret</Button>
      <Button variant="danger" onClick={() => open('delete')}>
        Delete
      </Button>
    </>
  )
}
