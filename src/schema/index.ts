import { builder } from './builder.ts'
import './scalars.ts'
import './node.ts'
import './order.ts'
import './inventory.ts'
import './dead-letter.ts'
import './service-status.ts'

export const schema = builder.toSchema()
