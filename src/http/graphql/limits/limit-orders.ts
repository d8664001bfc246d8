import { type ExecutionArgs, GraphQLError } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { budgetOf } from '../../../domain/caller.ts'
import type { GraphQLContext } from '../../../schema/create-context.ts'
import type { OrderBudgets } from '../../../use-cases/orders/create-order.ts'
import { fieldsOfMutation } from './selected-fields.ts'

/**
 * Counts all orders of a mutation against its caller's rate limit before any field runs. A refused mutation so has no effect,
 * and can be repeated as it is. Counted one by one, an order over the limit would null `data`, and hide the results of the
 * fields before it.
 */
export function limitOrders(limiter: OrderBudgets): Plugin {
  return {
    onExecute({ args, executeFn, setExecuteFn }) {
      const orders = countOrders(args)
      if (orders === 0) return
      setExecuteFn(async (stoppable) => {
        const error = await findExcess(limiter, orders, args)
        return error ? { errors: [error] } : executeFn(stoppable)
      })
    },
  }
}

async function findExcess(
  limiter: OrderBudgets,
  orders: number,
  { contextValue }: ExecutionArgs,
): Promise<GraphQLError | undefined> {
  const { caller, address } = contextValue as GraphQLContext
  try {
    await limiter.take(budgetOf(caller, address), orders)
    return undefined
  } catch (error) {
    return new GraphQLError('Orders could not be counted', { originalError: error as Error })
  }
}

const FIELD = 'createOrder'

/**
 * How many orders an operation would place: the names in its answer under which it has `createOrder`, wherever that stands
 * in it.
 */
function countOrders(args: ExecutionArgs): number {
  const orders = fieldsOfMutation(args)?.fields.filter(({ field }) => field.name.value === FIELD) ?? []
  return new Set(orders.map(({ field }) => field.alias?.value ?? FIELD)).size
}
