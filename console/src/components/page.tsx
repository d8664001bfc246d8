import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'

/** Whether a page was shown before: the browser itself puts the focus on the first. */
let isFirst = true

type PageProps = {
  title: string
  /** Beside the heading. */
  actions?: ComponentChildren
  children: ComponentChildren
}

/** A page below its heading. The heading gets the focus when a link leads here, so that a screen reader says where it is. */
export function Page({ title, actions, children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = `${title} · Holdfast`
  }, [title])
  useEffect(() => {
    if (!isFirst) heading.current?.focus({ preventScroll: true })
    isFirst = false
  }, [])
  return (
    <>
      <div class="page-head">
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        {actions && <div class="actions">{actions}</div>}
      </div>
      {children}
    </>
  )
}
