/** What is read of an OpenAPI document. */
export type JsonSchema = Readonly<{
  $ref?: string
  type?: string | readonly string[]
  properties?: Readonly<Record<string, JsonSchema>>
  required?: readonly string[]
  items?: JsonSchema
  anyOf?: readonly JsonSchema[]
  enum?: readonly unknown[]
  examples?: readonly unknown[]
}>

type Media = Readonly<Record<string, { schema: JsonSchema }>>

export type Parameter = Readonly<{
  name: string
  in: 'path' | 'query' | 'header'
  required?: boolean
  schema: JsonSchema
}>

export type Operation = Readonly<{
  operationId: string
  parameters?: readonly Parameter[]
  requestBody?: { content: Media }
  responses: Readonly<Record<string, { content?: Media; headers?: Readonly<Record<string, unknown>> }>>
}>

export type OpenApi = Readonly<{
  paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  components: { schemas: Readonly<Record<string, JsonSchema>> }
}>

/** A schema with what it refers to in the place of the references. */
export function resolve(document: OpenApi, schema: JsonSchema): JsonSchema {
  const text = JSON.stringify(schema, (_, value) => {
    const name = value?.$ref?.replace('#/components/schemas/', '')
    return name ? resolve(document, document.components.schemas[name]!) : value
  })
  return JSON.parse(text)
}
