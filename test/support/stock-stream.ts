import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { onTestFinished } from 'vitest'
import type { Target } from './graphql.ts'
import { eventually } from './harness.ts'

/** Where REST serves the stream of stock. */
export const CHANGES = '/api/inventory/changes'

/** A stream as it arrives, until the test ends. */
export async function openStream(
  { url, authorization }: Target,
  path = CHANGES,
  headers: Record<string, string> = {},
) {
  const accept = { accept: 'text/event-stream', ...(authorization && { authorization }) }
  const [answer] = (await once(get(url + path, { headers: { ...accept, ...headers } }), 'response')) as [
    IncomingMessage,
  ]
  onTestFinished(() => void answer.destroy())
  let text = ''
  answer.setEncoding('utf8').on('data', (chunk) => {
    text += chunk
  })
  answer.on('error', () => {})
  const events = () =>
    text
      .split('\n\n')
      .filter((event) => event.includes('data:'))
      .map((event) => ({
        id: /^id: (.*)$/m.exec(event)![1]!,
        ...JSON.parse(/^data: (.*)$/m.exec(event)![1]!),
      }))
  return {
    answer,
    read: () => text,
    async seen(count: number) {
      await eventually(() => events().length >= count)
      return events()
    },
  }
}
