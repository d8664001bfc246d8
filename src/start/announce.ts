import type { Config } from '../config/read-config.ts'

/** Says on standard output what a newcomer can open and call. */
export function announce(url: string, config: Config): void {
  if (!config.runsApi) {
    process.stdout.write(`Holdfast's worker runs. Readiness: ${url}/health/ready\n`)
    return
  }
  const header = config.auth ? ' -H "authorization: Bearer $TOKEN"' : ''
  process.stdout.write(`
Holdfast is ready.

${config.servesConsole ? `  Console          ${url}/console\n` : ''}${config.explorer ? explorer(url) : ''}  Readiness        ${url}/health/ready

Three calls to try:
${howToGetToken(config.auth)}
  # GraphQL: order two
  curl ${url}/graphql${header} -H 'content-type: application/json' \\
    -d '{"query":"mutation { createOrder(input: {sku: \\"WIDGET\\", qty: 2}) { order { id status } userErrors { code } } }"}'

  # REST: order two, of what only the supplier has
  curl ${url}/api/order${header} -H 'content-type: application/json' -d '{"sku":"SCARCE-LATE","qty":2}'

  # Subscription: watch an order, by the id that it was answered with
  curl -N ${url}/graphql${header} -H 'content-type: application/json' -H 'accept: text/event-stream' \\
    -d '{"query":"subscription { orderStatusChanged(id: \\"ID\\") { status failureReason version } }"}'

`)
}

function explorer(url: string): string {
  return `  GraphiQL         ${url}/graphql\n  REST, to try     ${url}/docs\n`
}

function howToGetToken(auth: Config['auth']): string {
  if (!auth) return ''
  if ('jwksUrl' in auth) return `\n  # each with a token of ${auth.issuer}\n  TOKEN=…\n`
  return '\n  # each with a token; this one may do everything, for an hour\n  TOKEN=$(npm run -s token -- --sub alice --role operator)\n'
}
