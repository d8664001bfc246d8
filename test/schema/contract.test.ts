import { buildSchema, findBreakingChanges } from 'graphql'
import { expect, it } from 'vitest'
import { schema } from '../../src/schema/index.ts'

/** What other programs rely on. A change here breaks them. */
const CONTRACT = `
  scalar DateTime
  scalar Quantity

  enum OrderStatus { PENDING RESERVED AWAITING_RESTOCK FAILED }
  enum FailureReason { SUPPLIER_REFUSED SUPPLIER_FAILED SUPPLIER_DELAYED SUPPLIER_UNREACHABLE INTERNAL_ERROR }
  enum MovementType { RECEIPT ADJUSTMENT RESERVATION SUPPLIER_RECEIPT }
  enum OrderEventType { OrderCreated OrderReserved OrderAwaitingRestock OrderFailed OrderReopened }
  enum UserErrorCode {
    INVALID_QTY INVALID_SKU SKU_TAKEN UNKNOWN_SKU IDEMPOTENCY_KEY_REUSED INSUFFICIENT_STOCK STALE_EXPECTATION
  }

  type Order {
    id: ID! sku: String! qty: Int! status: OrderStatus! failureReason: FailureReason
    supplierRef: String version: Int! createdAt: DateTime! updatedAt: DateTime!
    inventoryItem: InventoryItem! events: [OrderEvent!]! movements: [InventoryMovement!]!
  }
  type OrderEvent {
    type: OrderEventType! from: OrderStatus to: OrderStatus! reason: FailureReason version: Int! at: DateTime!
  }
  type InventoryItem {
    sku: String! name: String! available: Quantity! reserved: Quantity! onHand: Quantity!
    movements(first: Int, after: String, last: Int, before: String): InventoryMovementConnection!
  }
  type InventoryMovement {
    id: ID! sku: String! type: MovementType! delta: Int! availableAfter: Quantity!
    order: Order reason: String actor: String createdAt: DateTime!
  }
  type UserError { code: UserErrorCode! message: String! field: [String!] }

  type PageInfo { hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String }
  type OrderConnection { edges: [OrderEdge!]! pageInfo: PageInfo! }
  type OrderEdge { cursor: String! node: Order! }
  type InventoryItemConnection { edges: [InventoryItemEdge!]! pageInfo: PageInfo! }
  type InventoryItemEdge { cursor: String! node: InventoryItem! }
  type InventoryMovementConnection { edges: [InventoryMovementEdge!]! pageInfo: PageInfo! }
  type InventoryMovementEdge { cursor: String! node: InventoryMovement! }

  input OrderFilter { sku: String status: OrderStatus }
  input CreateOrderInput { sku: String! qty: Int! idempotencyKey: String }
  input CreateInventoryItemInput { sku: String! name: String! available: Int = 0 }
  input AdjustInventoryInput { sku: String! delta: Int! reason: String! expectedAvailable: Quantity }

  type CreateOrderPayload { order: Order userErrors: [UserError!]! }
  type CreateInventoryItemPayload { inventoryItem: InventoryItem userErrors: [UserError!]! }
  type AdjustInventoryPayload {
    inventoryItem: InventoryItem movement: InventoryMovement userErrors: [UserError!]!
  }

  type Query {
    order(id: ID!): Order
    orders(first: Int, after: String, last: Int, before: String, filter: OrderFilter): OrderConnection!
    inventoryItem(sku: String!): InventoryItem
    inventoryItems(first: Int, after: String, last: Int, before: String): InventoryItemConnection!
    movements(
      sku: String!, first: Int, after: String, last: Int, before: String
    ): InventoryMovementConnection!
  }
  type Mutation {
    createOrder(input: CreateOrderInput!): CreateOrderPayload!
    createInventoryItem(input: CreateInventoryItemInput!): CreateInventoryItemPayload!
    adjustInventory(input: AdjustInventoryInput!): AdjustInventoryPayload!
  }
  type Subscription { orderStatusChanged(id: ID!, afterVersion: Int): Order! }
`

it('keeps every type, field and argument that other programs rely on', () => {
  expect(findBreakingChanges(buildSchema(CONTRACT), schema)).toEqual([])
})
