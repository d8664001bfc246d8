import type { ResultOf } from 'gql.tada'
import type { ComponentChildren } from 'preact'
import { graphql } from '../../api/graphql.ts'
import { StatusBadge } from '../../components/status-badge.tsx'
import { Time } from '../../components/values.tsx'

export const OrderFactsFields = graphql(`
  fragment OrderFactsFields on Order {
    id
    status
    failureReason
    customerId
    reference
    ifShort
    createdAt
    updatedAt
    expiresAt
  }
`)

/** What is true of the order as a whole. */
export function OrderFacts({ order }: { order: ResultOf<typeof OrderFactsFields> }) {
  const { status, failureReason, customerId, reference, createdAt, updatedAt, expiresAt } = order
  return (
    <dl class="facts card">
      <Fact name="State">
        <StatusBadge status={status} />
      </Fact>
      {failureReason && <Fact name="Reason">{failureReason}</Fact>}
      <Fact name="Customer">{customerId ?? 'nobody in particular'}</Fact>
      {reference && <Fact name="Reference">{reference}</Fact>}
      <Fact name="If short">{IF_SHORT[order.ifShort]}</Fact>
      <Fact name="Placed">
        <Time at={createdAt} />
      </Fact>
      <Fact name="Changed">
        <Time at={updatedAt} />
      </Fact>
      {expiresAt && (
        <Fact name="Hold until">
          <Time at={expiresAt} />
        </Fact>
      )}
    </dl>
  )
}

const IF_SHORT = { ASK_SUPPLIER: 'asks a supplier', WAIT: 'waits for stock', FAIL: 'fails' } as const

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}
