import type { TransactionContext } from '../database/transaction.ts'
import type { UpkeepNews } from '../domain/upkeep/upkeep.ts'

/** What a use-case is handed that only reads. */
export type ReadContext = Pick<TransactionContext, 'pool'>

/** What a use-case is handed that writes. */
export type WriteContext = TransactionContext & { now: () => Date }

/** What a use-case is handed that looks after the service. */
export type UpkeepContext = WriteContext & {
  /** Hears what the service had to mend, and what it cannot. */
  onUpkeep: (news: UpkeepNews) => void
}
