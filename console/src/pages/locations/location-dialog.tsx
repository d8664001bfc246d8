import type { ResultOf } from 'gql.tada'
import { useState } from 'preact/hooks'
import { explain } from '../../api/explain.ts'
import { graphql } from '../../api/graphql.ts'
import { useWrite } from '../../api/use-write.ts'
import { announce } from '../../components/announcer.tsx'
import { Button } from '../../components/button.tsx'
import { ConfirmDialog, Dialog } from '../../components/dialog.tsx'
import { Checkbox, errorOf, Field, FormErrors } from '../../components/field.tsx'

export const LocationFields = graphql(`
  fragment LocationFields on Location {
    id
    code
    name
    priority
    isActive
    isDefault
  }
`)

const SaveLocationDocument = graphql(
  `
    mutation SaveLocation($input: LocationInput!) {
      saveLocation(input: $input) {
        location {
          ...LocationFields
        }
        userErrors {
          message
          field
        }
      }
    }
  `,
  [LocationFields],
)

const NEW = { code: '', name: '', priority: 100, isActive: true, isDefault: false }

type LocationDialogProps = { location: ResultOf<typeof LocationFields> | null; onClose: () => void }

/** Creates a location, or changes the one that it is given. */
export function LocationDialog({ location, onClose }: LocationDialogProps) {
  const before = location ?? NEW
  const [code, setCode] = useState(before.code)
  const [name, setName] = useState(before.name)
  const [priority, setPriority] = useState(String(before.priority))
  const [isActive, setActive] = useState(before.isActive)
  const [asks, setAsks] = useState(false)
  const { run, isRunning, userErrors, error } = useWrite(SaveLocationDocument)

  const save = async () => {
    setAsks(false)
    const input = { code: code.trim(), name: name.trim() || null, priority: Number(priority), isActive }
    const saved = await run({ input })
    if (!saved) return
    announce(`Location ${input.code} is saved`)
    onClose()
  }
  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    if (before.isActive && location && !isActive) setAsks(true)
    else void save()
  }
  return (
    <Dialog title={location ? `Location ${location.code}` : 'New location'} onClose={onClose}>
      <form class="form" onSubmit={submit}>
        <Field
          label="Code"
          name="code"
          required
          value={code}
          onInput={setCode}
          isReadOnly={location !== null}
          hint={
            location
              ? 'It stays what it is.'
              : 'Letters, digits, ".", "_" and "-". It cannot be changed later.'
          }
          error={errorOf(userErrors, 'code')}
        />
        <Field label="Name" name="name" value={name} onInput={setName} error={errorOf(userErrors, 'name')} />
        <Field
          label="Priority"
          name="priority"
          type="number"
          required
          min={0}
          max={1_000_000}
          value={priority}
          onInput={setPriority}
          hint="Orders take from the smaller first."
          error={errorOf(userErrors, 'priority')}
        />
        <Checkbox
          label="Active"
          isChecked={isActive}
          onInput={setActive}
          hint="Orders take only from active locations."
        />
        <FormErrors
          userErrors={userErrors}
          shown={['code', 'name', 'priority']}
          failure={error && explain(error)}
        />
        <div class="dialog-actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" isBusy={isRunning}>
            Save
          </Button>
        </div>
      </form>
      {asks && (
        <ConfirmDialog
          title={`Take ${before.code} out of use?`}
          confirm="Take it out of use"
          isBusy={isRunning}
          onConfirm={() => void save()}
          onClose={() => setAsks(false)}
        >
          <p>New orders take nothing more from it. What orders hold there they keep.</p>
        </ConfirmDialog>
      )}
    </Dialog>
  )
}
