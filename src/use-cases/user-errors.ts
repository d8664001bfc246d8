import type { UserError } from '../domain/errors.ts'

/** What a use-case answers to a request that it refuses: why, with the field of the input that is to blame. */
export function refuse(code: UserError['code'], message: string, field: string): { userErrors: [UserError] } {
  return { userErrors: [{ code, message, field: ['input', field] }] }
}

/** The same for a SKU that no item has. */
export function refuseUnknownSku(sku: string): { userErrors: [UserError] } {
  return refuse('UNKNOWN_SKU', `There is no item with the SKU ${JSON.stringify(sku.slice(0, 64))}`, 'sku')
}
