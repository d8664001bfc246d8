import { builder } from './builder.ts'
import './scalars.ts'
import './node.ts'
import './orders/order.ts'
import './orders/order-changes.ts'
import './orders/hold-changes.ts'
import './orders/waiting-orders.ts'
import './stock/inventory.ts'
import './stock/inventory-changes.ts'
import './stock/stock-keeping.ts'
import './dead-letter.ts'
import './service-status.ts'

export const schema = builder.toSchema()
