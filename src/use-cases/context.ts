import type { TransactionContext } from '../database/transaction.ts'
import type { UpkeepNews } from '../domain/upkeep/upkeep.ts'

export type ReadContext = Pick<TransactionContext, 'pool'>

export type WriteContext = TransactionContext & { now: () => Date }

export type UpkeepContext = WriteContext & {
  /** Hears of each repair, and of what needs an operator. */
  onUpkeep: (news: UpkeepNews) => void
}
