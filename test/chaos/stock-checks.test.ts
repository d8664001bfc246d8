import { afterAll, beforeAll, describe, expect } from 'vitest'
import type { StockDeed } from '../../chaos/stock-history.ts'
import {
  type DatabaseFault,
  type RemainsFault,
  repeatMovement,
  testFindsInDatabase,
  testFindsInRemains,
} from './plant-faults.ts'
import { type Remains, SmallRun } from './small-run.ts'

// Something is wrong with what stock keeping leaves, and with what clients were told of it: the checks have to say what.

const run = new SmallRun()
beforeAll(() => run.start())
afterAll(() => run.end())

describe('a fault in the database is found:', () => {
  const faults: DatabaseFault[] = [
    ['a receipt twice', () => repeatMovement('keep-1'), 'a change of stock is made once'],
    [
      'a receipt that was acknowledged and lost',
      () => `delete from inventory_movements where reason = 'keep-1'`,
      'a change of stock is made as it was answered',
    ],
    [
      'half of a transfer',
      () => `delete from inventory_movements where reason = 'keep-2' and type = 'TRANSFER_IN'`,
      'a change of stock is made as it was answered',
    ],
    [
      'a transfer to another location',
      () =>
        `update inventory_movements set location = 'NORTH' where reason = 'keep-2' and type = 'TRANSFER_IN'`,
      'a change of stock is as it was asked for',
    ],
    [
      'a transfer that was refused and made',
      () => `update inventory_movements set reason = 'keep-3' where reason = 'keep-1'`,
      'a refused change of stock leaves nothing',
    ],
    [
      'an adjustment in spite of what was expected',
      () => `update inventory_movements set available_after = 12 where reason = 'keep-4'`,
      'a change of stock is as it was asked for',
    ],
    [
      'a change that lost its key',
      () => `delete from idempotency_keys where key = 'keep-1'`,
      'a key keeps what its call made',
    ],
    [
      'a key of another movement',
      () =>
        `update idempotency_keys set made = jsonb_set(made, '{outcomes,0,movement}', '"1"') where key = 'keep-4'`,
      'a key keeps what its call made',
    ],
    [
      'a count against something else than its sheet',
      () => `update inventory_movements set reserved_after = reserved_after + 1 where reason = 'keep-4'`,
      'a count corrects what its sheet knew',
    ],
    [
      'a count that does not come out',
      () => `update inventory_movements set delta = delta + 1 where reason = 'keep-6' and type = 'COUNT'`,
      'a change of stock is made as it was answered',
    ],
    [
      'a change of stock that nobody sent',
      () => `update inventory_movements set reason = 'somebody' where reason = 'keep-1'`,
      'no change of stock but those that were sent',
    ],
    [
      'goods that a receipt did not bring',
      () => `update stock_levels set available = available + 1 where sku = 'K' and location = 'MAIN'`,
      'stock is what came in less what went out',
    ],
    [
      'goods that a file did not bring',
      () => `update stock_levels set available = available + 1 where sku = 'L'`,
      'stock is what came in less what went out',
    ],
    [
      'a rule that was not set',
      () => `update items set low_stock_at = 4 where sku = 'K'`,
      'the rules are those that were set last',
    ],
    ['a row of a file twice', () => repeatMovement('file-1'), 'a row of a file is imported once'],
    [
      'a row that was acknowledged and lost',
      () => `delete from inventory_movements where reason = 'file-1'`,
      'a row that was acknowledged is imported',
    ],
    [
      'a row of another quantity',
      () => `update inventory_movements set delta = 3 where reason = 'file-1'`,
      'a row of a file is imported as it is',
    ],
    [
      'a row that was refused and made',
      () => `update inventory_movements set reference = '3' where reason = 'file-1'`,
      'a refused row leaves nothing',
    ],
    [
      'a row that no file has',
      () => `update inventory_movements set reference = '9' where reason = 'file-1'`,
      'no row but those that were sent',
    ],
    [
      'a count of a file that does not come out',
      () => `update inventory_movements set available_after = 5 where reason = 'file-2'`,
      'a row of a file is imported as it is',
    ],
    [
      'a promise taken back for a call that said nothing of it',
      () => `update order_events set note = 'keep-7' where type = 'OrderUnreserved' and note = 'keep-5'`,
      'a promise is taken back as clients were told',
    ],
    [
      'an order that lost its promise and is forgotten',
      () => `update order_lines set cancelled = qty where order_id = '${run.kept.lost.id}'`,
      'who lost a promise is served again, or waits',
    ],
    [
      'an order that lost its promise and asks a supplier',
      () => `update orders set if_short = 'ASK_SUPPLIER' where id = '${run.kept.lost.id}'`,
      'who lost a promise is served again, or waits',
    ],
    [
      'a movement that no stream told',
      () => `insert into inventory_movements (sku, location, type, delta, reserved_delta, available_after, reserved_after, created_at)
        values ('K', 'MAIN', 'RECEIPT', 1, 0, 1, 0, now())`,
      'a stream misses nothing',
    ],
    [
      'a movement that was told and is not there',
      () => `delete from inventory_movements where reason = 'keep-7'`,
      'a stream tells what is in the ledger',
    ],
    [
      'a second place that no stream told',
      () => `update inventory_movements set crossed = '{LOW}', crossed_id = 1000000 where reason = 'keep-1'`,
      'a stream misses nothing',
    ],
    [
      'a threshold that was crossed and not told',
      () => `update inventory_movements set crossed = '{LOW}' where reason = 'keep-1'`,
      'a stream tells once what was crossed',
    ],
  ]
  testFindsInDatabase(run, faults)
})

describe('what clients were told, and should not have been, is found:', () => {
  const deed = ({ history }: Remains, tag: string): StockDeed =>
    history.stockDeeds.find((deed) => deed.tag === tag)!
  const told = ({ history }: Remains) => history.streams[0]!.changes
  const report = ({ history }: Remains) => history.files[0]!.report!
  const faults: RemainsFault[] = [
    [
      'a success that is not there',
      (remains) => Object.assign(deed(remains, 'keep-3'), { answer: deed(remains, 'keep-2').answer }),
      'a change of stock is made as it was answered',
    ],
    [
      'a refusal of what is made',
      (remains) => Object.assign(deed(remains, 'keep-1'), { answer: undefined, refusals: ['INVALID_QTY'] }),
      'a refused change of stock leaves nothing',
    ],
    [
      'a call without key and answer that was made twice',
      (remains) => {
        const { key, rows } = deed(remains, 'keep-1')
        expect(key).toBe('keep-1')
        const unanswered = { answer: undefined, key: null, doubtful: 1, rows: [...rows, ...rows] }
        Object.assign(deed(remains, 'keep-1'), unanswered)
      },
      'a change of stock is as it was asked for',
    ],
    [
      'a file that refused what it made',
      (remains) =>
        Object.assign(report(remains), { refused_rows: [{ line: 2, code: 'INSUFFICIENT_STOCK' }] }),
      'a refused row leaves nothing',
    ],
    [
      'a file that refused what is right',
      (remains) => {
        const refused = { line: 2, sku: 'K', code: 'INSUFFICIENT_STOCK', message: '' }
        Object.assign(report(remains), { refused_rows: [...report(remains).refused_rows, refused] })
      },
      'only wrong rows are refused',
    ],
    [
      'a report that does not add up',
      (remains) => Object.assign(report(remains), { rows: 2 }),
      'a report adds up to its file',
    ],
    [
      'a promise that was not taken back',
      (remains) => deed(remains, 'keep-7').answer!.unreserved.push(run.stocked.id),
      'a promise is taken back as clients were told',
    ],
    ['a change that was left out', (remains) => told(remains).splice(5, 1), 'a stream misses nothing'],
    [
      'a change twice',
      (remains) => told(remains).splice(5, 0, told(remains)[5]!),
      'a stream tells nothing twice',
    ],
    [
      'the changes of a level out of order',
      (remains) => {
        const changes = told(remains)
        const { level } = changes[0]!
        const next = changes.findIndex((change, index) => index > 0 && change.level === level)
        const moved = changes.splice(next, 1)
        changes.push(...moved)
      },
      'a stream tells the changes of a level in order',
    ],
    [
      'a change of another level',
      (remains) => Object.assign(told(remains)[5]!, { level: 'A at EAST' }),
      'a stream tells what is in the ledger',
    ],
    [
      'what was crossed twice',
      (remains) => {
        const places = Map.groupBy(told(remains), ({ movementId }) => movementId)
        const [first, second] = [...places.values()].find(({ length }) => length === 2)!
        Object.assign(first!, { crossed: second!.crossed })
      },
      'a stream tells once what was crossed',
    ],
  ]
  testFindsInRemains(run, faults)
})
