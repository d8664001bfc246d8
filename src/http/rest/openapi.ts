import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from 'fastify-type-provider-zod'
import type { z } from 'zod'
import packageJson from '../../../package.json' with { type: 'json' }
import { describeWebhooks } from '../../shapes/describe-webhooks.ts'

const DOCS_PATH = '/docs'

/** The page loads nothing from elsewhere, and its calls go to this server only. */
const CONTENT_SECURITY_POLICY = {
  'default-src': "'self'",
  'img-src': "'self' data:",
  // Swagger UI sets styles on its elements
  'style-src': "'self' 'unsafe-inline'",
  'base-uri': "'none'",
  'object-src': "'none'",
  'frame-ancestors': "'none'",
}

/** The page does not say it itself: a phone would show all of it at once, too small to read. */
const FIT_PHONES = `const viewport = document.createElement('meta')
viewport.name = 'viewport'
viewport.content = 'width=device-width, initial-scale=1'
document.head.append(viewport)
`

/** Tables of parameters and answers are wider than a phone: they scroll, and the page does not. */
const PHONE_STYLE = `@media (max-width: 640px) {
  .swagger-ui .wrapper { padding: 0 8px }
  .swagger-ui .opblock .opblock-summary-path { max-width: none; word-break: break-word }
  .swagger-ui .opblock .opblock-summary-description { display: none }
  .swagger-ui .opblock-body, .swagger-ui .responses-inner { overflow-x: auto }
  .swagger-ui .parameters-col_name { min-width: 0; width: 30% }
  .swagger-ui .parameters-col_description input,
  .swagger-ui .parameters-col_description textarea { max-width: 100%; min-width: 0 }
}
`

/**
 * Serves the description (OpenAPI 3.1) of the routes that are added to `fastify` after this at `/openapi.json`, and a
 * page to try them at `/docs`. Both are made of the schemas by which the routes validate.
 */
export async function openApi(fastify: FastifyInstance): Promise<void> {
  await fastify.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Holdfast',
        version: packageJson.version,
        description: `${packageJson.description}.\n\nFor all that it can do, use its GraphQL API.`,
        license: { name: packageJson.license, identifier: packageJson.license },
      },
      tags: [
        { name: 'Orders', description: 'Take orders, follow them, and carry them to their end' },
        { name: 'Inventory', description: 'What stock there is, and what changed it' },
        { name: 'Webhooks', description: 'What Holdfast sends to receivers of yours' },
      ],
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } },
      // or none: a server on a machine of one's own may have no authentication
      security: [{ token: [] }, {}],
    },
    transform: describeRoute,
    transformObject: describeDocument,
  })
  fastify.get('/openapi.json', { schema: { hide: true } }, () => fastify.swagger())

  await fastify.register(swaggerUi, {
    routePrefix: DOCS_PATH,
    staticCSP: CONTENT_SECURITY_POLICY,
    // it would send the description to a public validator
    validatorUrl: false,
    theme: {
      title: 'Holdfast: the REST API',
      js: [{ filename: 'viewport.js', content: FIT_PHONES }],
      css: [{ filename: 'phone.css', content: PHONE_STYLE }],
    },
    uiConfig: { layout: 'BaseLayout', tryItOutEnabled: true, displayRequestDuration: true },
    uiHooks: { onRequest: redirectToFolder },
    // beside the page, so the API is one up: also where a proxy serves all this below a path of its own
    transformSpecification: (document) => ({ ...document, servers: [{ url: '..' }] }),
  })
}

/** The page finds its parts relative to `/docs/`; without the slash it would look for them at the host's root. */
async function redirectToFolder(
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply | undefined> {
  const [path, query] = request.url.split('?', 2)
  if (!path?.endsWith(DOCS_PATH)) return undefined
  return reply.redirect(`.${DOCS_PATH}/${query ? `?${query}` : ''}`)
}

type SchemaConfig = NonNullable<Parameters<typeof createJsonSchemaTransform>[0]['zodToJsonConfig']>

/** zod's schemas in the words of OpenAPI, without what is true but tells a reader nothing. */
const schemaConfig: SchemaConfig = {
  target: 'draft-2020-12',
  override: ({ zodSchema, jsonSchema }) => {
    // fields may be added to an answer: a client that refuses them would break. What comes in is strict
    if (jsonSchema.additionalProperties === false && !isStrict(zodSchema))
      delete jsonSchema.additionalProperties
    // the format says it, the pattern is the same again in 300 characters
    if (jsonSchema.format) delete jsonSchema.pattern
  },
}

function isStrict({ _zod: { def } }: z.core.$ZodType): boolean {
  return (def as Partial<z.core.$ZodObjectDef>).catchall !== undefined
}

const transformRoute = createJsonSchemaTransform({ zodToJsonConfig: schemaConfig })
const transformDocument = createJsonSchemaTransformObject({ zodToJsonConfig: schemaConfig })

/** The provider's transform, with what it drops of a response: its headers and its example. */
const describeRoute: typeof transformRoute = (document) => {
  const result = transformRoute(document)
  const sources = document.schema?.response as Record<string, ResponseSource> | undefined
  const described = result.schema?.response as Record<string, ResponseSource> | undefined
  for (const [status, response] of Object.entries(described ?? {})) {
    const { headers, content } = sources?.[status] ?? {}
    if (headers) response.headers = headers
    for (const [type, media] of Object.entries(response.content ?? {})) {
      const example = content?.[type]?.example
      if (example !== undefined) media.example = example
    }
  }
  return result
}

type ResponseSource = { headers?: object; content?: Record<string, { example?: unknown }> }

/**
 * The provider's transform, with what webhooks are told, and without what nothing refers to: it describes each schema twice, as what comes in and as
 * what goes out, and most are only ever one of both.
 */
const describeDocument: typeof transformDocument = (source) => {
  const document = transformDocument(source) as ReturnType<typeof transformDocument> & {
    webhooks: Record<string, object>
  }
  const { schemas } = (document as unknown as { components: { schemas: Record<string, unknown> } }).components
  const described = describeWebhooks(schemaConfig)
  document.webhooks = described.webhooks
  for (const [name, schema] of Object.entries(described.schemas)) schemas[name] ??= schema
  for (;;) {
    const text = JSON.stringify(document)
    const unused = Object.keys(schemas).filter((name) => !text.includes(`"#/components/schemas/${name}"`))
    if (unused.length === 0) return document
    for (const name of unused) delete schemas[name]
  }
}
