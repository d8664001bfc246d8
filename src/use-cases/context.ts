import type { TransactionContext } from '../database/transaction.ts'
import type { UpkeepNews } from '../domain/upkeep/upkeep.ts'

/** What use-cases that only read are handed. */
export type ReadContext = Pick<TransactionContext, 'pool'>

/** What use-cases that write are handed. */
export type WriteContext = TransactionContext & { now: () => Date }

/** What use-cases that look after the service are handed. */
export type UpkeepContext = WriteContext & {
  /** Hears of each repair, and of what needs an operator. */
  onUpkeep: (news: UpkeepNews) => void
}
