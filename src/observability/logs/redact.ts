/** Values under these names are nobody's business, wherever in a line they stand. */
const SECRET_NAMES =
  'authorization|proxy-authorization|cookie|set-cookie|x-api-key|idempotency-?key|password|secret|AUTH_JWT_SECRET'
const SECRET_FIELD = new RegExp(`("(?:${SECRET_NAMES})":)"(?:[^"\\\\]|\\\\.)*"`, 'gi')
// each in a time that grows with the line, and not with its square: a hostile one of 64 kB takes 90 ms
/** The password of a connection string; it may hold an @ itself. */
const URL_PASSWORD = /(:\/\/[^\s:@/"\\]*):[^\s"\\]{0,2000}@/g
const CREDENTIALS = /\b(Bearer|Basic) [\w.~+/-]+=*/gi
/** Of a webhook, as Standard Webhooks has it. */
const WEBHOOK_SECRET = /whsec_[\w+/]+=*/g
/** At the beginning of a word, or after a dash near it: at each dash, a word of nothing but beginnings would be read anew. */
const JWT = /(?<=(?<![\w-])(?:[\w-]{0,30}-)?)eyJ[\w-]+\.[\w-]+\.[\w-]*/g
/** What a terminal or a viewer acts on, and JSON leaves as it is: C1 controls, line separators, directions of text. */
const UNSEEN = /[\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g
/** In all that is found by one of the above. Most lines have none: one look, 0.4 µs, saves them five, 1 µs. */
const SUSPECT = new RegExp(`"(?:${SECRET_NAMES})":"|://|(?:Bearer|Basic) |eyJ|whsec_|[^\\0-~]`, 'i')
const HIDDEN = '[hidden]'

/**
 * A line of the log, or a message, without secrets and without what would change how it is shown.
 *
 * @param secrets texts to hide wherever they are, as a key of this process
 */
export function redact(line: string, secrets: readonly string[] = []): string {
  let clean = SUSPECT.test(line) ? redactSuspect(line) : line
  for (const secret of secrets) clean = clean.replaceAll(secret, HIDDEN)
  return clean
}

function redactSuspect(line: string): string {
  return line
    .replace(SECRET_FIELD, `$1"${HIDDEN}"`)
    .replace(URL_PASSWORD, `$1:${HIDDEN}@`)
    .replace(CREDENTIALS, `$1 ${HIDDEN}`)
    .replace(JWT, HIDDEN)
    .replace(WEBHOOK_SECRET, HIDDEN)
    .replace(UNSEEN, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/**
 * A JSON line for what shows its texts unescaped, as a terminal does: control characters stay escapes. Line breaks too
 * in `msg`, which is shown at the beginning of lines; other fields are indented.
 */
export function escapeControls(line: string): string {
  return line
    .replace(/\\(?:u[0-9a-f]{4}|.)/g, (sequence) =>
      /^\\[\\"/nt]$/.test(sequence) ? sequence : `\\${sequence}`,
    )
    .replace(/"msg":"(?:[^"\\]|\\.)*"/g, (message) =>
      message.replace(/\\./g, (sequence) => (sequence === '\\n' ? '\\\\n' : sequence)),
    )
}
