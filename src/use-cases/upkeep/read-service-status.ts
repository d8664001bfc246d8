import pg from 'pg'
import { inTransaction, type TransactionContext } from '../../database/transaction.ts'
import { QUERY_CANCELED } from '../../database/unavailable.ts'
import { assertAllowed } from '../../domain/authorisation.ts'
import type { Caller } from '../../domain/caller.ts'
import { CallError } from '../../domain/errors.ts'
import { interpretStatus, type ServiceStatus } from '../../domain/upkeep/service-status.ts'
import { STATUS_READ_TIMEOUT_MS } from '../../limits.ts'
import { readStatus } from '../../sql/queue/read-status.ts'
import { SILENCE_MAX_MS } from './rescue-jobs.ts'

/**
 * Reads the state of the service, for a caller.
 *
 * @throws {CallError} FORBIDDEN for all but operators, UNAVAILABLE if the database takes too long
 */
export async function readServiceStatus(context: TransactionContext, caller: Caller): Promise<ServiceStatus> {
  assertAllowed(caller, 'readStatus')
  try {
    return await observeService(context)
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || error.code !== QUERY_CANCELED) throw error
    throw new CallError('UNAVAILABLE', 'The database took too long to read the status', { cause: error })
  }
}

/**
 * Reads the state of the service without checking rights: queue, workers, supplier circuit, dead letters, orders. All of it is
 * in the database, so every process reads the same.
 *
 * @throws {pg.DatabaseError} 57014 if the database takes too long
 */
export async function observeService(context: TransactionContext): Promise<ServiceStatus> {
  const reading = await inTransaction(context, 'read-status', (tx) => readStatus(tx, STATUS_READ_TIMEOUT_MS))
  return interpretStatus(reading, SILENCE_MAX_MS)
}
