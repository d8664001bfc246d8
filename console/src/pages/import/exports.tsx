import { useEffect, useRef, useState } from 'preact/hooks'
import { download } from '../../api/rest.ts'
import { Button } from '../../components/button.tsx'

const FILES = [
  {
    path: '/api/inventory/export',
    name: 'count-sheet.csv',
    text: 'Count sheet',
    about: 'every item at every location, to fill in what was counted and import again',
  },
  {
    path: '/api/movements/export',
    name: 'movements.csv',
    text: 'Ledger',
    about: 'every movement, the oldest first',
  },
] as const

/** What can be saved as a file. */
export function Exports() {
  const [loading, setLoading] = useState<string | null>(null)
  const [failure, setFailure] = useState<string>()
  const call = useRef(new AbortController())
  useEffect(() => () => call.current.abort(), [])
  const save = async (path: string, name: string) => {
    setFailure(undefined)
    setLoading(name)
    try {
      await download(path, name, call.current.signal)
    } catch (error) {
      setFailure(`${name} could not be read: ${error instanceof Error ? error.message : error}. Try again.`)
    }
    setLoading(null)
  }
  return (
    <>
      <ul class="downloads">
        {FILES.map(({ path, name, text, about }) => (
          <li key={name}>
            <Button isBusy={loading === name} onClick={() => void save(path, name)}>
              Download {text.toLowerCase()}
            </Button>
            <span class="muted">{about}</span>
          </li>
        ))}
      </ul>
      <div role="alert">{failure && <p class="error-text">{failure}</p>}</div>
    </>
  )
}
