import type { DemoServer } from './scenarios.ts'

type UserError = { code: string; message: string }
/** What every mutation answers with: nothing but errors, or what it made and none. A query has no errors of its own. */
type Payload<Made> = Made & { userErrors?: UserError[] }
type Answer<Made> = {
  data?: { payload: Payload<Made> } | null
  errors?: { message: string; extensions?: { code?: string } }[]
}

const HINTS: Record<string, string> = {
  UNKNOWN_SKU: '. `npm run seed` puts it into the database at DATABASE_URL',
  UNAUTHENTICATED: '. HOLDFAST_TOKEN takes a token, such as `npm run token` makes',
  FORBIDDEN: '. HOLDFAST_TOKEN takes the token of an operator',
}

/**
 * Runs a mutation or a query by GraphQL over HTTP.
 *
 * @param query with one field, called `payload`, and one variable, `$input`
 * @throws {Error} that says why it was refused
 */
export async function callServer<Made>(
  { url, authorization }: DemoServer,
  query: string,
  input: object | string,
): Promise<Payload<Made>> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(authorization && { authorization }) },
    body: JSON.stringify({ query, variables: { input } }),
  })
  const { data, errors } = (await response.json()) as Answer<Made>
  const [refusal] = data?.payload.userErrors ?? []
  if (data && !refusal) return data.payload
  const code = refusal?.code ?? errors?.[0]?.extensions?.code
  const message = refusal?.message ?? errors?.[0]?.message ?? String(response.status)
  throw new Error(`${message}${HINTS[code ?? ''] ?? ''}`, { cause: code })
}
