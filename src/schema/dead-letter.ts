import { validate as isUuid } from 'uuid'
import type { Prisma } from '../generated/prisma/client.ts'
import { PAGE_SIZE_MAX } from '../limits.ts'
import { retryDeadLetters } from '../use-cases/retry-dead-letters.ts'
import { builder } from './builder.ts'
import { assertCursor, byKey, pageCost, pageSizes } from './page.ts'

const DeadLetter = builder.prismaObject('DeadLetter', {
  description: 'Work that was given up and ended its order, until an operator retries it.',
  fields: (t) => ({
    id: t.exposeID('id'),
    task: t.exposeString('task'),
    payload: t.expose('payload', { type: 'JSON' }),
    error: t.exposeString('error', { description: 'What went wrong the last time.' }),
    attempts: t.exposeInt('attempts', { description: 'Tries, the last included.' }),
    traceId: t.exposeString('traceId', {
      nullable: true,
      description:
        "The trace of the request that asked for the order or, where that had none, the order's id without hyphens.",
    }),
    order: t.relation('order'),
    createdAt: t.expose('createdAt', { type: 'DateTime' }),
  }),
})

builder.queryField('deadLetters', (t) =>
  t.prismaConnection(
    {
      type: DeadLetter,
      description: 'Dead letters that nobody has retried, newest first. For operators.',
      authScopes: { may: 'readDeadLetters' },
      cursor: 'id',
      ...pageSizes,
      complexity: pageCost,
      resolve: (query, _root, _args, { app }) => {
        assertCursor(query.cursor?.id, isUuid)
        const page = byKey(query)
        return app.prisma.deadLetter.findMany({
          ...page.query,
          where: { retriedAt: null, id: page.id },
          // as dead_letters_open_idx has them: by id alone PostgreSQL may walk the primary key, past all that were retried
          orderBy: [{ retriedAt: 'desc' }, { id: 'desc' }],
        })
      },
    },
    { name: 'DeadLetterConnection' },
    { name: 'DeadLetterEdge' },
  ),
)

const RetryDeadLettersPayload = builder
  .objectRef<{ retriedIds: string[] }>('RetryDeadLettersPayload')
  .implement({
    fields: (t) => ({
      deadLetters: t.prismaField({
        type: [DeadLetter],
        complexity: { field: 1, multiplier: PAGE_SIZE_MAX },
        description: 'Those that were retried now. Any other was retried before, or does not exist.',
        resolve: (query, { retriedIds }, _args, { app }) => {
          const where: Prisma.DeadLetterWhereInput = { id: { in: retriedIds } }
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
    args: { ids: t.arg.idList({ required: true }) },
    resolve: async (_root, { ids }, { app, caller, requestOrigin }) => ({
      retriedIds: await retryDeadLetters(app, caller, ids, requestOrigin),
    }),
  }),
)
