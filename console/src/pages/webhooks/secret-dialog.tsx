import { useRef, useState } from 'preact/hooks'
import { Button } from '../../components/button.tsx'
import { Dialog } from '../../components/dialog.tsx'
import { Field } from '../../components/field.tsx'

/** Shows a new secret, this once. */
export function SecretDialog({ secret, onClose }: { secret: string; onClose: () => void }) {
  const box = useRef<HTMLDivElement>(null)
  const [said, setSaid] = useState('')
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(secret)
      setSaid('Copied.')
    } catch {
      // also where there is no clipboard: on a page that came by plain HTTP from another machine
      box.current?.querySelector('input')?.select()
      setSaid('The browser does not let the console copy. The secret is selected: copy it by the keyboard.')
    }
  }
  return (
    <Dialog title="The new secret" onClose={onClose}>
      <div class="form">
        <p>
          Give it to the receiver, which verifies with it who sent an event.{' '}
          <strong>It is shown now and never again.</strong> Rotating makes another one.
        </p>
        <div ref={box} class="secret">
          <Field
            label="Secret"
            name="secret"
            value={secret}
            onInput={() => {}}
            isReadOnly
            autocomplete="off"
            spellcheck={false}
          />
        </div>
        <div role="status">{said && <p>{said}</p>}</div>
      </div>
      <div class="dialog-actions">
        <Button onClick={() => void copy()}>Copy</Button>
        <Button variant="primary" onClick={onClose}>
          I have it
        </Button>
      </div>
    </Dialog>
  )
}
