import type { ComponentChildren } from 'preact'
import type { Live } from '../api/use-stream.ts'
import { Button } from './button.tsx'

/** What stands where a list is to come. */
export function Skeleton({ rows = 8 }: { rows?: number }) {
  return (
    <div class="skeleton" role="status">
      <span class="visually-hidden">Loading</span>
      {Array.from({ length: rows }, (_, index) => (
        <div key={index} class="skeleton-row" aria-hidden="true" />
      ))}
    </div>
  )
}

/** A list without entries. @param children how to get something there */
export function EmptyState({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <div class="state">
      <h2>{title}</h2>
      <p>{children}</p>
    </div>
  )
}

/** What went wrong, in words, and what to do. */
export function ErrorState({ text, retry }: { text: string; retry?: () => void }) {
  return (
    <div class="state error" role="alert">
      <h2>That did not work</h2>
      <p>{text}</p>
      {retry && <Button onClick={retry}>Try again</Button>}
    </div>
  )
}

/** Says that a page does not hear of changes, and why: what the server refuses it refuses again until something is done. */
export function NotLive({ live: { refusal, retry } }: { live: Live }) {
  if (refusal === null) return null
  return (
    <div class="notice" role="alert">
      <p>Changes are not shown as they happen: {refusal}</p>
      <Button onClick={retry}>Try again</Button>
    </div>
  )
}
