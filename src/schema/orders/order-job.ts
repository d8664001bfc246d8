import type * as domain from '../../domain/upkeep/jobs.ts'
import { builder } from '../builder.ts'

export const OrderJob = builder.objectRef<domain.OrderJob>('OrderJob').implement({
  description: 'Work that is to be done for an order, alone or with others.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'A whole number.' }),
    task: t.exposeString('task', { description: 'Which work.' }),
    runAt: t.expose('runAt', { type: 'DateTime', description: 'When it is due.' }),
    attempts: t.exposeInt('attempts', { description: 'Tries so far, one that is under way included.' }),
    attemptsMax: t.exposeInt('attemptsMax', { description: 'After so many it is given up.' }),
    error: t.exposeString('error', {
      nullable: true,
      description: 'What went wrong the last time; null if nothing did.',
    }),
    heldSince: t.expose('heldSince', {
      type: 'DateTime',
      nullable: true,
      description: 'Since when a worker has it; null while none has.',
    }),
    traceId: t.exposeString('traceId', {
      description:
        "The trace of the request that asked for the order or, where that had none, the order's id without hyphens.",
    }),
  }),
})
