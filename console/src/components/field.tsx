import type { ComponentChildren } from 'preact'
import { useId } from 'preact/hooks'
import type { UserError } from '../api/use-write.ts'

/** What a field has around its control: its name, what it is for, and what is wrong with its value. */
type Labelled = { label: string; hint?: string | undefined; error?: string | undefined }

type FieldProps = Labelled & {
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
  error,
  type = 'text',
  value,
  onInput,
  isReadOnly,
  ...input
}: FieldProps) {
  const id = useId()
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

type SelectProps = Labelled & {
  name: string
  value: string
  /** Of each the value and the text. */
  options: readonly (readonly [value: string, text: string])[]
  onInput: (value: string) => void
}

/** One of a few. */
export function Select({ label, hint, error, name, value, options, onInput }: SelectProps) {
  const id = useId()
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

/** Returns what is wrong with a field of an input, by its name there. */
export function errorOf(userErrors: readonly UserError[], name: string): string | undefined {
  return userErrors.find(({ field }) => field?.at(-1) === name)?.message
}

type FormErrorsProps = {
  userErrors: readonly UserError[]
  /** The names of the input's fields that show their errors themselves. */
  shown: readonly string[]
  /** Why the call failed, if it did. */
  failure?: string | undefined
}

/** What is wrong with a form as a whole: what none of its fields shows. */
export function FormErrors({ userErrors, shown, failure }: FormErrorsProps) {
  const others = userErrors.filter(({ field }) => !shown.includes(field?.at(-1) ?? ''))
  const texts = [...others.map(({ message }) => message), ...(failure ? [failure] : [])]
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
