import { queryFromInfo } from '@pothos/plugin-prisma'
import { validate as isUuid } from 'uuid'
import type { Prisma } from '../../generated/prisma/client.ts'
import { PAGE_SIZE_MAX } from '../../limits.ts'
import { retryDeadLetters } from '../../use-cases/upkeep/retry-dead-letters.ts'
import { builder } from '../builder.ts'
import { Node } from '../node.ts'
import { byColumn, type List, pageCost, readPage } from '../page.ts'

export const DeadLetter = builder.prismaObject('DeadLetter', {
  description: 'Work that was given up and ended its order, until an operator retries it.',
  interfaces: [Node],
  fields: (t) => ({
    id: t.exposeID('id', { description: 'A UUID.' }),
    task: t.exposeString('task', { description: 'Which work it was.' }),
    payload: t.expose('payload', { type: 'JSON', description: 'What the work was given.' }),
    error: t.exposeString('error', { description: 'What went wrong the last time.' }),
    attempts: t.exposeInt('attempts', { description: 'Tries, the last included.' }),
    traceId: t.exposeString('traceId', {
      nullable: true,
      description:
        "The trace of the request that asked for the order or, where that had none, the order's id without hyphens.",
    }),
    order: t.field({
      type: 'Order',
      description: 'The order that failed with it.',
      select: { orderId: true },
      resolve: async ({ orderId }, _args, { app }) => (await app.groups.findOrder.submit(orderId))!,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was given up.' }),
    retriedAt: t.expose('retriedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When an operator retried it; null while nobody has.',
    }),
  }),
})

const deadLetters: List<{ id: string }> = { name: 'deadLetters', keyOf: ({ id }) => id, isKey: isUuid }

builder.queryField('deadLetters', (t) =>
  t.connection(
    {
      type: DeadLetter,
      description: 'Dead letters that nobody has retried, newest first. For operators.',
      authScopes: { may: 'readDeadLetters' },
      complexity: pageCost,
      resolve: (_root, args, context, info) =>
        readPage(deadLetters, args, (page) => {
          const { take, beyond } = byColumn(page, 'desc')
          return context.app.prisma.deadLetter.findMany({
            ...queryFromInfo({ context, info, typeName: 'DeadLetter', path: ['edges', 'node'] }),
            where: { retriedAt: null, id: beyond },
            // as dead_letters_open_idx has them: by id alone PostgreSQL may walk the primary key, past all that were retried
            orderBy: [{ retriedAt: 'desc' }, { id: 'desc' }],
            take,
          })
        }),
    },
    { name: 'DeadLetterConnection', description: 'A page of dead letters.' },
    { name: 'DeadLetterEdge', description: 'A dead letter of a page.' },
  ),
)

const RetryDeadLettersPayload = builder
  .objectRef<{ closedIds: string[] }>('RetryDeadLettersPayload')
  .implement({
    description: 'The answer to retryDeadLetters.',
    fields: (t) => ({
      deadLetters: t.prismaField({
        type: [DeadLetter],
        complexity: { field: 1, multiplier: PAGE_SIZE_MAX },
        description:
          'Those that were closed now. Any other was closed before, or does not exist. A hold whose time is over stays FAILED.',
        resolve: (query, { closedIds }, _args, { app }) => {
          const where: Prisma.DeadLetterWhereInput = { id: { in: closedIds } }
          return app.prisma.deadLetter.findMany({ ...query, where, orderBy: { id: 'asc' } })
        },
      }),
    }),
  })

builder.mutationField('retryDeadLetters', (t) =>
  t.field({
    type: RetryDeadLettersPayload,
    description:
      'Opens the orders of up to 100 dead letters again: they are PENDING, and reserving starts anew. For operators.',
    authScopes: { may: 'retryDeadLetters' },
    args: { ids: t.arg.idList({ required: true, description: 'Of dead letters, 100 at most.' }) },
    resolve: async (_root, { ids }, { app, caller, requestOrigin }) => ({
      closedIds: await retryDeadLetters(app, caller, ids, requestOrigin),
    }),
  }),
)
