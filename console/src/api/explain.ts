import type { CombinedError } from '@urql/core'

/** What to do about an error of this code; its message says what is wrong. */
const REMEDIES: Record<string, string> = {
  FORBIDDEN: 'Your role may not do this. Sign in with the token of an operator.',
  PERSISTED_DOCUMENT_REQUIRED:
    'This server runs only the documents in PERSISTED_DOCUMENTS, which the console’s are not among.',
  RATE_LIMITED: 'Wait a second, then try again.',
  TIMEOUT: 'Try again; if it stays so, ask for less at once.',
  UNAVAILABLE: 'The server has too much to do, or no database. Try again in a moment.',
}

/** Says what went wrong with a call, and what to do about it. */
export function explain({ graphQLErrors, networkError, response }: CombinedError): string {
  const [first] = graphQLErrors
  if (!first) {
    const isRefused = response?.status === 503
    if (isRefused) return REMEDIES.UNAVAILABLE!
    return `The server cannot be reached (${networkError?.message ?? 'no answer'}). The console keeps trying.`
  }
  const remedy = REMEDIES[String(first.extensions.code)]
  return remedy ? `${first.message}. ${remedy}` : first.message
}
