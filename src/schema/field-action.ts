import SchemaBuilder, { BasePlugin, type PothosOutputFieldConfig, type SchemaTypes } from '@pothos/core'
import type { GraphQLField } from 'graphql'
import type { Action } from '../domain/authorisation.ts'

declare global {
  export namespace PothosSchemaTypes {
    export interface Plugins<Types extends SchemaTypes> {
      fieldAction: FieldActionPlugin<Types>
    }
  }
}

/** Keeps in the schema what a field's scope asks for: it is decided before any field runs, too (`refuse-forbidden.ts`). */
class FieldActionPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override onOutputFieldConfig(config: PothosOutputFieldConfig<Types>): PothosOutputFieldConfig<Types> {
    const { authScopes } = config.pothosOptions as { authScopes?: { may: Action } }
    if (!authScopes) return config
    return { ...config, extensions: { ...config.extensions, action: authScopes.may } }
  }
}

SchemaBuilder.registerPlugin('fieldAction', FieldActionPlugin)

/** Returns what a caller must be allowed to do to use a field; undefined if everybody may. */
export function actionOf({ extensions }: GraphQLField<unknown, unknown>): Action | undefined {
  return extensions.action as Action | undefined
}
