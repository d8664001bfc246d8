import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'

export const JSON_TYPE = 'application/json'
const MEDIA_TYPE = /^\s*([^\s;]+)\s*(?:;|$)/
const PARAMETERS = /;\s*([^\s=;]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]*))/g
const CHARSETS = ['utf-8', 'utf8']
const BYTE_ORDER_MARK = '\ufeff'

export const NOT_UTF_8 = 'The body is not UTF-8'

/**
 * Looks at how a request says that its body is to be read, and has the content type in its header in the one form that all
 * who read it know: they differ in what they make of quotes, of case and of parameters.
 *
 * @param wanted the one type that the call takes
 * @returns what is wrong with it; undefined for that type in UTF-8, without a content coding
 */
export function takeBodyType({ headers }: IncomingMessage, wanted: string): string | undefined {
  const { 'content-type': type, 'content-encoding': coding } = headers
  if (coding !== undefined && !/^(?:identity)?$/i.test(coding.trim())) {
    return `The body must come without a content coding, and is ${JSON.stringify(coding)}`
  }
  const transfer = headers['transfer-encoding']
  if (transfer !== undefined && transfer.trim().toLowerCase() !== 'chunked') {
    return `The body must come without a transfer coding but chunked, and is ${JSON.stringify(transfer)}`
  }
  if (type === wanted) return undefined
  if (type === undefined) return `The body must be ${wanted}, and has no content type`
  if (MEDIA_TYPE.exec(type)?.[1]?.toLowerCase() !== wanted) {
    return `The body must be ${wanted}, and is ${JSON.stringify(type)}`
  }
  for (const [, name, quoted, plain] of type.matchAll(PARAMETERS)) {
    const charset = quoted?.replaceAll(/\\(.)/g, '$1') ?? plain ?? ''
    if (name!.toLowerCase() === 'charset' && !CHARSETS.includes(charset.toLowerCase())) {
      return `The body must be in UTF-8, and is in ${JSON.stringify(charset)}`
    }
  }
  headers['content-type'] = wanted
  return undefined
}

/**
 * The text of bytes that came in, without the byte order mark that some programs begin with.
 *
 * @returns undefined where they are not UTF-8. Read all the same, each wrong byte would become the same character, and two
 * customers one
 */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  if (!isUtf8(bytes)) return undefined
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
  return text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text
}
