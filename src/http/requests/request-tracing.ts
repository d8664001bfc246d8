/** Traces requests. */
export type RequestTracing = {
  /** The span that is under way, in the form of W3C Trace Context. */
  traceparent(): string | undefined
  /** Names the request that is under way by its route. */
  route(path: string): void
}
