import { type ComponentChildren, createContext } from 'preact'
import { useContext, useId } from 'preact/hooks'
import type { UserError } from '../api/use-write.ts'

/** What is wrong with the input of the form around a field. */
export const UserErrorsContext = createContext<readonly UserError[]>([])

/** What a field has around its control: its label, what it is for, and what is wrong with its value. */
type Labelled = { label: string; hint?: string | undefined; error?: string | undefined }

type FieldProps = Labelled & {
  /** In a form that sends an input, the name there: the field shows the user errors about it. */
  name: string
  type?: 'text' | 'number' | 'password' | 'url' | 'datetime-local'
  value: string
  onInput: (value: string) => void
  required?: boolean
  isReadOnly?: boolean
  /** Of a number. */
  min?: number
  max?: number
  autocomplete?: 'off'
  /** Codes and ids are no words. */
  spellcheck?: boolean
}

/** A line of text or a number. */
export function Field({
  label,
  hint,
  error: ownError,
  type = 'text',
  value,
  onInput,
  isReadOnly,
  ...input
}: FieldProps) {
  const id = useId()
  const userError = useUserError(input.name)
  const error = ownError || userError
  return (
    <Around id={id} label={label} hint={hint} error={error}>
      <input
        {...input}
        id={id}
        // Preact's types want to know it to say which roles an input may have
        type={type as 'text'}
        value={value}
        readOnly={isReadOnly}
        onInput={({ currentTarget }) => onInput(currentTarget.value)}
        aria-invalid={Boolean(error)}
        aria-describedby={describedBy(id, hint, error)}
      />
    </Around>
  )
}

type SelectProps = Omit<Labelled, 'error'> & {
  /** As that of a field. */
  name: string
  value: string
  /** Of each the value and the text. */
  options: readonly (readonly [value: string, text: string])[]
  onInput: (value: string) => void
}

/** One of a few. */
export function Select({ label, hint, name, value, options, onInput }: SelectProps) {
  const id = useId()
  const error = useUserError(name)
  return (
    <Around id={id} label={label} hint={hint} error={error}>
      <select
        id={id}
        name={name}
        value={value}
        onInput={({ currentTarget }) => onInput(currentTarget.value)}
        aria-describedby={describedBy(id, hint, error)}
      >
        {options.map(([option, text]) => (
          <option key={option} value={option}>
            {text}
          </option>
        ))}
      </select>
    </Around>
  )
}

type CheckboxProps = {
  label: string
  hint?: string
  isChecked: boolean
  onInput: (isChecked: boolean) => void
}

/** Yes or no. */
export function Checkbox({ label, hint, isChecked, onInput }: CheckboxProps) {
  const id = useId()
  return (
    <div class="field checkbox">
      <input
        id={id}
        type="checkbox"
        checked={isChecked}
        onInput={({ currentTarget }) => onInput(currentTarget.checked)}
        aria-describedby={describedBy(id, hint, undefined)}
      />
      <label for={id}>{label}</label>
      {hint && (
        <p id={`${id}-hint`} class="hint">
          {hint}
        </p>
      )}
    </div>
  )
}

type FormErrorsProps = {
  userErrors: readonly UserError[]
  /** Why the call failed, if it did. */
  failure?: string | undefined
}

/** What is wrong with a form as a whole: what none of its fields shows. */
export function FormErrors({ userErrors, failure }: FormErrorsProps) {
  const texts = [...userErrors.map(({ message }) => message), ...(failure ? [failure] : [])]
  return (
    <div role="alert">
      {texts.map((text) => (
        <p key={text} class="error-text">
          {text}
        </p>
      ))}
    </div>
  )
}

function useUserError(name: string): string | undefined {
  return useContext(UserErrorsContext).find(({ field }) => field?.at(-1) === name)?.message
}

function Around({
  id,
  label,
  hint,
  error,
  children,
}: Labelled & { id: string; children: ComponentChildren }) {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children}
      {hint && (
        <p id={`${id}-hint`} class="hint">
          {hint}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} class="error-text" role="alert">
          {error}
        </p>
      )}
    </div>
  )
}

function describedBy(id: string, hint: string | undefined, error: string | undefined): string | undefined {
  return [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ') || undefined
}
