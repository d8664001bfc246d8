import { signal } from '@preact/signals'

/** Long enough to read a line twice. */
const SHOWN_FOR_MS = 6_000

const text = signal('')
let timer: ReturnType<typeof setTimeout> | undefined

/** Says that something was done: it is shown for a while, and read by screen readers. */
export function announce(message: string): void {
  clearTimeout(timer)
  text.value = message
  timer = setTimeout(() => {
    text.value = ''
  }, SHOWN_FOR_MS)
}

/** Always there, so that a screen reader hears when it gets a text. */
export function Announcer() {
  return (
    <div class="announcer" role="status">
      {text.value && <p>{text.value}</p>}
    </div>
  )
}
