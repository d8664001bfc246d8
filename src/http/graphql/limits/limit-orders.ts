import { type ExecutionArgs, GraphQLError } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { budgetOf } from '../../../domain/caller.ts'
import type { GraphQLContext } from '../../../schema/create-context.ts'
import type { OrderBudgets } from '../../../use-cases/orders/create-order.ts'
import { countOrders } from './count-orders.ts'

/**
 * Takes the orders of a mutation out of what its caller may place, before anything of it is run: what stands before them in
 * the mutation is not done either where they are refused, so it can be repeated as it is. Fields of a mutation run one after
 * the other, and the first that fails leaves no answer to any.
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
    return new GraphQLError('Orders are not counted', { originalError: error as Error })
  }
}
