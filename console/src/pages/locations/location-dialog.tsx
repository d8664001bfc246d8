import type { ResultOf } from 'gql.tada'
import { useState } from 'preact/hooks'
import { graphql } from '../../api/graphql.ts'
import { useWrite } from '../../api/use-write.ts'
import { Checkbox, Field } from '../../components/field.tsx'
import { FormDialog } from '../../components/form-dialog.tsx'

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
  const write = useWrite(SaveLocationDocument)
  const question =
    location?.isActive && !isActive
      ? {
          title: `Take ${location.code} out of use?`,
          text: 'New orders take nothing more from it. What orders hold there they keep.',
          confirm: 'Take it out of use',
        }
      : undefined

  const save = async () => {
    const input = { code: code.trim(), name: name.trim() || null, priority: Number(priority), isActive }
    return (await write.run({ input })) && `Location ${input.code} is saved`
  }
  return (
    <FormDialog
      title={location ? `Location ${location.code}` : 'New location'}
      submit="Save"
      write={write}
      question={question}
      onSubmit={save}
      onClose={onClose}
    >
      <Field
        label="Code"
        name="code"
        required
        value={code}
        onInput={setCode}
        isReadOnly={location !== null}
        hint={
          location ? 'It stays what it is.' : 'Letters, digits, ".", "_" and "-". It cannot be changed later.'
        }
      />
      <Field label="Name" name="name" value={name} onInput={setName} />
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
      />
      <Checkbox
        label="Active"
        isChecked={isActive}
        onInput={setActive}
        hint="Orders take only from active locations."
      />
    </FormDialog>
  )
}
