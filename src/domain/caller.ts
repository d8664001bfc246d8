/** Who calls, as long as there is no authentication: everyone is this one caller. */
export const ANONYMOUS = 'anonymous'
