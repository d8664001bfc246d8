import { createAuthenticate } from '../../src/http/access/create-authenticate.ts'
import type { HttpServerOptions } from '../../src/http/http-server.ts'
import { createLogger } from '../../src/observability/logs/logger.ts'
import { createTestApp, listen } from './harness.ts'
import { authorizationOf, bySecret } from './tokens.ts'

/** A server with authentication, and one of each role to call it: the customer alice, the service shop, the operator olga. */
export async function serveRoles(options: Partial<HttpServerOptions> = {}) {
  const testApp = await createTestApp()
  const { http, url } = await listen(testApp, {
    ...options,
    authenticate: createAuthenticate(bySecret, createLogger('silent')),
  })
  /** The Authorization header of each; of anybody else undefined. */
  const authorizations: Record<string, string | undefined> = {
    customer: await authorizationOf('alice', 'customer'),
    service: await authorizationOf('shop', 'service'),
    operator: await authorizationOf('olga', 'operator'),
  }
  return {
    testApp,
    http,
    url,
    authorizations,
    /** A role's calls, as the helpers of GraphQL take them. */
    as: (who: string) => ({ url, authorization: authorizations[who] }),
    close: async () => {
      await http.close()
      await testApp.close()
    },
  }
}

export type RolesServer = Awaited<ReturnType<typeof serveRoles>>
