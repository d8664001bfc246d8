import { signal } from '@preact/signals'

/** The key in the session storage: gone once the tab is closed, and of no other tab. */
const TOKEN_KEY = 'holdfast.token'

/** Why the server asks who calls, in its own words (empty where nobody has signed in yet); null while it does not ask. */
export const refusal = signal<string | null>(null)

/** Returns the token that calls carry; null where there is none, as without authentication. */
export function readToken(): string | null {
  return sessionStorage.getItem(TOKEN_KEY)
}

/** Adds the token to the headers of a call, where there is one. */
export function withToken(init: RequestInit): RequestInit {
  const token = readToken()
  const headers = new Headers(init.headers)
  if (token !== null) headers.set('authorization', `Bearer ${token}`)
  return { ...init, headers }
}

/** Takes a token, and opens the page anew: nothing of what another token read is left in memory. */
export function signIn(token: string): void {
  sessionStorage.setItem(TOKEN_KEY, token)
  location.reload()
}

/** Forgets the token, and opens the page anew. */
export function signOut(): void {
  sessionStorage.removeItem(TOKEN_KEY)
  location.reload()
}

/** Notes that the server does not take the token, or wants one: the console asks for another. */
export function refuse(reason: string): void {
  sessionStorage.removeItem(TOKEN_KEY)
  refusal.value = reason
}
