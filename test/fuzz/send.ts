import { type Dispatcher, Pool } from 'undici'

export type Call = {
  method: string
  path: string
  headers: Readonly<Record<string, string>>
  body?: string | undefined
}

export type Answer = {
  status: number
  headers: Readonly<Record<string, string>>
  text: string
  /** Whether we left before it was whole. */
  isCut: boolean
}

/** Connections to a server, each with one call under way. Three servers have them: well below what the service takes on. */
export const CALLS_AT_ONCE = 40
/** How long a stream may say nothing before we leave: an order that does not change has no more to say. A busy machine needs some of it. */
const SILENCE_MAX_MS = 500

/** Sends calls over connections that are kept. */
export class Sender {
  readonly #pool: Pool

  constructor(url: string) {
    this.#pool = new Pool(url, { connections: CALLS_AT_ONCE })
  }

  async send({ method, path, headers, body }: Call): Promise<Answer> {
    const response = await this.#pool.request({
      method: method as Dispatcher.HttpMethod,
      path,
      headers,
      body: body ?? null,
    })
    const type = String(response.headers['content-type'] ?? '')
    const isStream = type.startsWith('text/event-stream')
    const { text, isCut } = isStream
      ? await readFirstEvent(response.body)
      : { text: await response.body.text(), isCut: false }
    const pairs = Object.entries(response.headers).map(([name, value]) => [name, String(value)])
    return { status: response.statusCode, headers: Object.fromEntries(pairs), text, isCut }
  }

  close(): Promise<void> {
    return this.#pool.destroy()
  }
}

/** Reads until the first event is whole, or nothing comes, and leaves. */
async function readFirstEvent(
  body: Dispatcher.ResponseData['body'],
): Promise<{ text: string; isCut: boolean }> {
  let text = ''
  let isLeft = false
  const leave = () => {
    isLeft = true
    body.destroy()
  }
  const timer = setTimeout(leave, SILENCE_MAX_MS)
  try {
    for await (const chunk of body.setEncoding('utf8')) {
      text += chunk
      if (/^data: .*\n\n/m.test(text) && !text.includes('event: complete')) leave()
    }
  } catch (error) {
    if (!isLeft) throw error
  } finally {
    clearTimeout(timer)
  }
  return { text, isCut: isLeft }
}
