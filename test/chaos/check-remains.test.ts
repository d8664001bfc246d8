import { afterAll, beforeAll, describe } from 'vitest'
import { type RemainsFault, testFindsInRemains } from './plant-faults.ts'
import { type Remains, SmallRun } from './small-run.ts'

// Clients or the supplier remember something that should not have been, and the checks have to say what.

const run = new SmallRun()
beforeAll(() => run.start())
afterAll(() => run.end())

describe('what clients and supplier should not have seen is found:', () => {
  const view = ({ history }: Remains) => history.views[0]!
  const deed = ({ history }: Remains, tag: string) => history.deeds.find((deed) => deed.tag === tag)!
  const record = ({ records }: Remains, key = run.supplied.id) => records.get(key)!
  const faults: RemainsFault[] = [
    [
      'a success that is not there',
      ({ history }) => history.intents[0]!.ids.splice(0, 1, '019a0000-0000-7000-8000-000000000000'),
      'an acknowledged order exists',
    ],
    [
      'two orders for one key',
      ({ history }) => history.intents[0]!.ids.push(run.supplied.id),
      'one key gives one order',
    ],
    [
      'a version that was taken back',
      ({ history }) => Object.assign(history.intents[0]!, { version: 3, status: 'RESERVED' }),
      'no version is taken back',
    ],
    [
      'a state that never was',
      ({ history }) => Object.assign(history.intents[0]!, { status: 'FAILED' }),
      'a call is answered with what was',
    ],
    [
      'an order that nobody sent',
      ({ history }) => history.intents.splice(0, 1),
      'no order but those that were sent',
    ],
    [
      'a change in spite of a refusal',
      (remains) => Object.assign(deed(remains, 'deed-2'), { isDone: false, refusals: ['WRONG_STATE'] }),
      'a refused call leaves nothing',
    ],
    [
      'a shipment that nobody was told of',
      (remains) => Object.assign(deed(remains, 'deed-1'), { shipments: [] }),
      'what was shipped and came back is what clients were told',
    ],
    [
      'a shipment that was undone twice',
      (remains) => remains.history.deeds.push({ ...deed(remains, 'deed-5'), tag: 'deed-8' }),
      'a shipment is undone once',
    ],
    [
      'a shipment that is out of stock for good, and was undone by its client',
      (remains) => remains.history.deeds.splice(remains.history.deeds.indexOf(deed(remains, 'deed-5')), 1),
      'stock is what came in less what went out',
    ],
    [
      'an adjustment in spite of a refusal',
      ({ history }) => Object.assign(history.adjustments[0]!, { outcome: 'refused' }),
      'an adjustment is made as it was answered',
    ],
    [
      'an adjustment at another location',
      ({ history }) => Object.assign(history.adjustments[0]!, { location: 'EAST' }),
      'an adjustment is made as it was answered',
    ],
    [
      'an adjustment that nobody sent',
      ({ history }) => history.adjustments.pop(),
      'no adjustment but those that were sent',
    ],
    [
      'a view without its end',
      (remains) => view(remains).connections.at(-1)!.seen.pop(),
      'a watcher sees the newest version',
    ],
    [
      'a version twice',
      (remains) => view(remains).connections[1]!.seen.push({ version: 3, status: 'RESERVED' }),
      'versions rise',
    ],
    [
      'an old state first',
      (remains) => Object.assign(view(remains).connections[1]!, { known: 3 }),
      'a watcher sees the current state first',
    ],
    [
      'a state in a view that never was',
      (remains) => Object.assign(view(remains).connections[0]!.seen[0]!, { status: 'FAILED' }),
      'a watcher sees what was',
    ],
    [
      'goods of a supplier that failed',
      (remains) => Object.assign(record(remains), { plan: 'fail' }),
      'what the supplier means to do is what comes of it',
    ],
    [
      'goods of a supplier under another reference',
      (remains) => Object.assign(record(remains), { ref: 'r9' }),
      'what came in was delivered',
    ],
    [
      'a second delivery for one line',
      (remains) => remains.records.set('another key', { ...record(remains), ref: 'r9' }),
      'the supplier delivers once a line',
    ],
    [
      'a supplier asked under the key of the order for one of several lines',
      (remains) => {
        const { late } = run
        remains.records.set(late.id, record(remains, `${late.id}:C`))
        remains.records.delete(`${late.id}:C`)
      },
      'the supplier is asked for orders as they are',
    ],
    [
      'a supplier asked for what was in stock',
      (remains) =>
        remains.records.set(run.stocked.id, { ...record(remains), orderId: run.stocked.id, qty: 2 }),
      'the supplier is asked when stock is short',
    ],
    [
      'a supplier asked for something else',
      (remains) => Object.assign(record(remains), { qty: 1 }),
      'the supplier is asked for orders as they are',
    ],
  ]
  testFindsInRemains(run, faults)
})
