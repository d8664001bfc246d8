import type { Scenario } from '../scenario.ts'
import { scenario as createOrderAtRest } from './create-order-at-rest.ts'
import { scenario as createOrderGraphql } from './create-order-graphql.ts'
import { scenario as createOrderRest } from './create-order-rest.ts'

/** Every benchmark, in the order in which they run and are shown. */
export const scenarios: readonly Scenario[] = [createOrderGraphql, createOrderRest, createOrderAtRest]
