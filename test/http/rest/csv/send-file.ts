import { createHash } from 'node:crypto'
import type { App } from '../../../../src/create-app.ts'
import { readItem } from '../../../support/read-stock.ts'

type Options = { key?: string; dryRun?: boolean; accept?: string; headers?: Record<string, string> }

/** Sends a file to be imported. @returns its status and the text of the answer, and its value where it is JSON */
export async function sendFile(
  url: string,
  file: string | Uint8Array,
  { key, dryRun, accept, headers }: Options = {},
) {
  const response = await fetch(`${url}/api/inventory/import${dryRun ? '?dry_run=true' : ''}`, {
    method: 'POST',
    headers: {
      'content-type': 'text/csv',
      ...(key && { 'idempotency-key': key }),
      ...(accept && { accept }),
      ...headers,
    },
    body: file as BodyInit,
  })
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.includes('json')
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    text,
    body: isJson && JSON.parse(text.trim().split('\n').at(-1)!),
  }
}

/** Rows as lines of a file. */
export const lines = (...rows: string[]) => rows.map((row) => `${row}\n`).join('')
export const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

/** What is available of an item at all locations. */
export const availableOf = async (app: App, sku = 'A') => (await readItem(app, sku)).available

/** What the answer says of a file that was imported to its end. */
export const WHOLE = { dry_run: false, repeated: false, complete: true, next_line: null }
