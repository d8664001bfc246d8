import type { UserError } from '../domain/errors.ts'

/** Returns a use-case's refusal: the code, the message, and the wrong field of the input. */
export function refuse(code: UserError['code'], message: string, field: string): { userErrors: [UserError] } {
  return { userErrors: [{ code, message, field: ['input', field] }] }
}

/** Returns the refusal for a SKU that no item has. */
export function refuseUnknownSku(sku: string): { userErrors: [UserError] } {
  return refuse('UNKNOWN_SKU', `There is no item with the SKU ${JSON.stringify(sku.slice(0, 64))}`, 'sku')
}
