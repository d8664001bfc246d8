/** What the service found and repaired. There is none while all goes well. */
export type UpkeepNews =
  /** `workers`: by their ids; pools that no worker has named, by theirs. */
  | { kind: 'workers-died'; workers: readonly string[]; released: number; givenUp: number }
  | { kind: 'fetch-lost'; worker: string; released: number }
  | { kind: 'swept'; requeued: number; buried: number }
  | { kind: 'jobs-put-aside'; jobs: readonly { id: string; task: string; payload: unknown }[] }
  /** `job`: the one at fault, which is passed over; without it the step was not done. */
  | { kind: 'sweep-failed'; step: string; error: unknown; job?: string }
  | {
      kind: 'invariant-broken'
      invariant: string
      breaches: readonly { subject: string; detail: string; cause: string | null }[]
    }
