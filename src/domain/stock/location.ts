/** A place that stock is in. */
export type Location = {
  code: string
  name: string
  /** The smaller, the sooner orders take from it. */
  priority: number
  /** Whether orders may take from it: an inactive one serves as quarantine. */
  isActive: boolean
}

/** The location that exists from the start, is meant where none is named, and stays active. */
export const DEFAULT_LOCATION = 'MAIN'

/** The priority of a location that is given none. */
export const DEFAULT_PRIORITY = 100

const CODE = /^[A-Za-z0-9._-]{1,64}$/

/** Whether a location can have this code. One that cannot is unknown, and is never asked of the database. */
export function isLocationCode(value: string): boolean {
  return CODE.test(value)
}
