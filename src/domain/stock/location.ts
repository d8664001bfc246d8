/** A place that holds stock. */
export type Location = {
  code: string
  name: string
  /** Orders take from smaller priorities first. */
  priority: number
  /** Whether orders may take from it: an inactive one serves as quarantine. */
  isActive: boolean
}

/** The default location. It exists from the start and cannot be made inactive. */
export const DEFAULT_LOCATION = 'MAIN'

/** The priority of a location created without one. */
export const DEFAULT_PRIORITY = 100

const CODE = /^[A-Za-z0-9._-]{1,64}$/

/** Whether a text is a valid location code. An invalid one is unknown, without a query. */
export function isLocationCode(value: string): boolean {
  return CODE.test(value)
}
