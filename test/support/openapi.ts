import { z } from 'zod'

/** A part of an OpenAPI document. */
export type Json = { [key: string]: Json } & Json[]

/** What a schema of the document makes of a value: throws where it does not take it. */
export function checkBySchema(document: Json, schema: Json, value: unknown): unknown {
  return z.fromJSONSchema(resolveSchema(document, schema) as z.core.JSONSchema.JSONSchema).parse(value)
}

/** A schema of the document with what it refers to in place of the references. */
export function resolveSchema(document: Json, schema: Json): Json {
  const text = JSON.stringify(schema, (_, value) => {
    const name = value?.$ref?.replace('#/components/schemas/', '')
    return name ? resolveSchema(document, document.components!.schemas![name]!) : value
  })
  return JSON.parse(text)
}
