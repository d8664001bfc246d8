import type * as domain from '../../domain/upkeep/service-status.ts'
import { NEWEST_MAX, worstCircuit } from '../../domain/upkeep/service-status.ts'
import {
  type InvariantCheck as Check,
  listInvariantChecks,
} from '../../use-cases/upkeep/list-invariant-checks.ts'
import { readServiceStatus } from '../../use-cases/upkeep/read-service-status.ts'
import { builder } from '../builder.ts'
import { OrderStatus } from '../orders/order-states.ts'

/** As the largest page of orders: it is one statement, of some 6 ms. */
const STATUS_COST = 1_000

const SupplierCircuit = builder.enumType('SupplierCircuit', {
  description:
    'Whether the supplier is called: always while the circuit is closed; not while it is open, which it is for 10 s after the call that opened it or was to try; and while it is half-open once, to try, whenever that call comes.',
  values: {
    CLOSED: { value: 'closed', description: 'The supplier is called.' },
    HALF_OPEN: { value: 'half-open', description: 'The next call tries whether the supplier answers again.' },
    OPEN: { value: 'open', description: 'The supplier answered almost no call: calls fail at once.' },
  } as const satisfies Record<string, { value: domain.CircuitState; description: string }>,
})

const Count = builder.objectRef<domain.Count>('Count').implement({
  description:
    'How many there are: exact up to 10,000. Beyond that things are not counted, and it is an estimate: of orders and dead letters by statistics, of jobs the least that there are.',
  fields: (t) => ({
    count: t.field({
      type: 'Quantity',
      description: 'The number.',
      resolve: ({ count }) => BigInt(count),
    }),
    isEstimate: t.exposeBoolean('isEstimate', { description: 'Whether it is no exact count.' }),
  }),
})

const TaskQueue = builder.objectRef<domain.TaskQueue>('TaskQueue').implement({
  description: 'The jobs of one task.',
  fields: (t) => ({
    task: t.exposeString('task', { description: 'Which work.' }),
    ready: t.expose('ready', { type: Count, description: 'Wait for a worker.' }),
    scheduled: t.expose('scheduled', { type: Count, description: 'Wait for their time.' }),
    held: t.exposeInt('held', {
      description:
        'Held by workers, as these said with their last beat: those that they run, and up to as many that they have fetched ahead.',
    }),
    oldestReadyAgeSeconds: t.exposeFloat('oldestReadyAgeS', {
      nullable: true,
      description:
        'Since when the oldest ready job could run. Null without one, and unknown where `ready` is an estimate of 0.',
    }),
  }),
})

const HeldJobs = builder.objectRef<domain.WorkerStatus['jobsHeld'][number]>('HeldJobs').implement({
  description: 'What a worker holds of one task.',
  fields: (t) => ({
    task: t.exposeString('task', { description: 'Which work.' }),
    count: t.exposeInt('count', { description: 'How many jobs.' }),
  }),
})

const Worker = builder.objectRef<domain.WorkerStatus>('Worker').implement({
  description:
    'One life of what runs jobs in a process: where it stops working and starts again, as after a lost database, it comes with another id.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'Of this life of the worker.' }),
    startedAt: t.expose('startedAt', { type: 'DateTime', description: 'When it began to run jobs.' }),
    lastBeatAt: t.expose('lastBeatAt', {
      type: 'DateTime',
      description: 'When it last said that it is alive: every 2 s.',
    }),
    lastBeatAgeSeconds: t.exposeFloat('silentS', {
      description: "How long ago that was, by the database's clock.",
    }),
    held: t.expose('jobsHeld', {
      type: [HeldJobs],
      description: 'What it held with its last beat, by task: jobs that it runs or has fetched ahead.',
    }),
    isAlive: t.exposeBoolean('isAlive', {
      description:
        'Whether it has said so within 8 s. Otherwise its jobs go to others, and it leaves the list.',
    }),
    supplierCircuit: t.expose('circuit', {
      type: SupplierCircuit,
      nullable: true,
      description: "This worker's own, at its last beat.",
    }),
  }),
})

const OrderCount = builder.objectRef<domain.OrderCount>('OrderCount').implement({
  description: 'The orders in one state.',
  fields: (t) => ({
    status: t.expose('status', { type: OrderStatus, description: 'The state.' }),
    count: t.expose('count', { type: Count, description: 'How many orders are in it.' }),
    ofNewest: t.exposeInt('ofNewest', {
      description: `How many of the newest ${NEWEST_MAX.toLocaleString('en')} orders are in it: what became of them.`,
    }),
    oldestAgeSeconds: t.exposeFloat('oldestOpenAgeS', {
      nullable: true,
      description:
        'Since the creation of the oldest that is PENDING or AWAITING_RESTOCK; null in the other states.',
    }),
  }),
})

const InvariantCheck = builder.objectRef<Check>('InvariantCheck').implement({
  description: 'What must hold of the data, and what its last check found.',
  fields: (t) => ({
    invariant: t.exposeString('invariant', { description: 'What must hold, in words.' }),
    checkedAt: t.expose('checkedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was last checked to the end, by whichever process; null if never.',
    }),
    breaches: t.exposeInt('breaches', {
      nullable: true,
      description:
        'How often it did not hold then. Anything but 0 needs an operator. Null if it was never checked.',
    }),
  }),
})

const ServiceStatus = builder.objectRef<domain.ServiceStatus>('ServiceStatus').implement({
  description: 'How the service does, at one moment and over all processes.',
  fields: (t) => ({
    queue: t.expose('queue', { type: [TaskQueue], description: 'The jobs, by task.' }),
    workers: t.expose('workers', {
      type: [Worker],
      description: 'Those that have neither ended nor been taken for dead, oldest first.',
    }),
    workersAlive: t.int({
      description: 'How many of them are alive.',
      resolve: ({ workers }) => workers.filter(({ isAlive }) => isAlive).length,
    }),
    supplierCircuit: t.field({
      type: SupplierCircuit,
      nullable: true,
      description: 'The worst that a living worker says of its own; null where none says anything.',
      resolve: ({ workers }) => worstCircuit(workers),
    }),
    openDeadLetters: t.expose('openDeadLetters', {
      type: Count,
      description: 'Those that nobody has retried.',
    }),
    orders: t.expose('orders', { type: [OrderCount], description: 'By state, each of them.' }),
    ordersPerSecond: t.exposeFloat('ordersPerS', {
      description: `How many orders are placed in a second: over the last minute, or over the time in which the newest ${NEWEST_MAX.toLocaleString('en')} came if that is less.`,
    }),
    lowItems: t.expose('lowItems', {
      type: Count,
      description: 'Items of which no more can be promised than their `lowStockAt`.',
    }),
    invariants: t.field({
      type: [InvariantCheck],
      description: 'What must hold of the data, each with its last check.',
      resolve: (_status, _args, { app, caller }) => listInvariantChecks(app, caller),
    }),
  }),
})

builder.queryField('status', (t) =>
  t.field({
    type: ServiceStatus,
    description: 'How the service does, whatever process is asked. For operators.',
    authScopes: { may: 'readStatus' },
    complexity: STATUS_COST,
    resolve: (_root, _args, { app, caller }) => readServiceStatus(app, caller),
  }),
)
