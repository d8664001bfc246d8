import type { ComponentChildren } from 'preact'

type ButtonProps = {
  type?: 'button' | 'submit'
  /** `danger` for what cannot be undone. */
  variant?: 'primary' | 'plain' | 'quiet' | 'danger'
  /** Whether what it began is not done yet: it cannot be pressed again. */
  isBusy?: boolean
  /** For a button that is on or off. */
  isPressed?: boolean
  onClick?: () => void
  children: ComponentChildren
}

export function Button({ type = 'button', variant, isBusy, isPressed, onClick, children }: ButtonProps) {
  return (
    <button
      type={type}
      class={`button ${variant ?? (type === 'submit' ? 'primary' : 'plain')}`}
      // not `disabled`, which would take the focus away
      aria-disabled={isBusy || undefined}
      aria-pressed={isPressed}
      onClick={(event) => {
        if (isBusy) event.preventDefault()
        else onClick?.()
      }}
    >
      {children}
    </button>
  )
}
