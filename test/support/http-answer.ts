/** An answer in JSON, with the seconds after which to try again. */
export type HttpAnswer<Body = Record<string, unknown>> = {
  status: number
  retryAfter: string | null
  body: Body
}

export async function get(url: string, path: string): Promise<HttpAnswer> {
  return readAnswer(await fetch(url + path))
}

export async function post<Body = Record<string, unknown>>(
  url: string,
  body: object,
): Promise<HttpAnswer<Body>> {
  const headers = { 'content-type': 'application/json', accept: 'application/json' }
  return readAnswer(await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) }))
}

async function readAnswer<Body>(response: Response): Promise<HttpAnswer<Body>> {
  const body = (await response.json()) as Body
  return { status: response.status, retryAfter: response.headers.get('retry-after'), body }
}
