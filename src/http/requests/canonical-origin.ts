/**
 * An origin in the form in which origins are compared: in lower case, without the port that its scheme has anyway. What is
 * no origin of the web, as `null`, stays as it is.
 */
export function canonicalOrigin(origin: string): string {
  return /^https?:\/\//i.test(origin) && URL.canParse(origin) ? new URL(origin).origin : origin
}
