import { Agent, type IncomingMessage, request } from 'node:http'

/** Longer than a server goes on answering those who stay. */
const AWAY_MS = 3_000

/**
 * A client of several servers, as a load balancer is one: calls go round over connections that are kept. A server that
 * refuses a connection, or answers `Connection: close`, is left alone for a while.
 */
export class SpreadingClient {
  readonly #servers: { url: string; leftUntilMs: number; answers: number }[]
  readonly #agent = new Agent({ keepAlive: true })
  #turn = 0
  /** Calls that got no answer though their server was there. */
  readonly cutOff: string[] = []
  /** Answers that told the client to leave. */
  farewells = 0

  constructor(urls: string[]) {
    this.#servers = urls.map((url) => ({ url, leftUntilMs: 0, answers: 0 }))
  }

  /** The server whose turn it is. */
  get url(): string {
    const present = this.#servers.filter(({ leftUntilMs }) => leftUntilMs < performance.now())
    const candidates = present.length > 0 ? present : this.#servers
    return candidates[this.#turn++ % candidates.length]!.url
  }

  /** Leaves a server alone for a while. */
  leave(url: string): void {
    this.#server(url).leftUntilMs = performance.now() + AWAY_MS
  }

  /** How many calls a server has answered. */
  answersOf(url: string): number {
    return this.#server(url).answers
  }

  /** @returns undefined for a call that was cut off: it may have arrived, and is not sent again */
  async post(path: string, body: object): Promise<{ status: number; text: string } | undefined> {
    for (;;) {
      const { url } = this
      try {
        return await this.#send(url, path, JSON.stringify(body))
      } catch (error) {
        this.leave(url)
        if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') continue
        this.cutOff.push(`${url}${path}: ${(error as Error).message}`)
        return undefined
      }
    }
  }

  close(): void {
    this.#agent.destroy()
  }

  #server(url: string) {
    return this.#servers.find((server) => server.url === url)!
  }

  #send(url: string, path: string, body: string): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', accept: 'application/json' }
      request(url + path, { method: 'POST', agent: this.#agent, headers }, (response) => {
        this.#server(url).answers++
        if (response.headers.connection === 'close') {
          this.farewells++
          this.leave(url)
        }
        readText(response).then((text) => resolve({ status: response.statusCode!, text }), reject)
      })
        .on('error', reject)
        .end(body)
    })
  }
}

async function readText(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  return text
}
