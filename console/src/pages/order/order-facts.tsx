import type { ResultOf } from 'gql.tada'
import type { ComponentChildren } from 'preact'
import { graphql } from '../../api/graphql.ts'
import { StatusBadge } from '../../components/status-badge.tsx'
import { Num, Time } from '../../components/values.tsx'
import { withQuery } from '../../query-string.ts'
import { REASONS } from './reasons.ts'

export const OrderFactsFields = graphql(`
  fragment OrderFactsFields on Order {
    id
    version
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

type Facts = ResultOf<typeof OrderFactsFields>

type OrderFactsProps = {
  order: Facts
  /** undefined for who does not see it, null where nothing names it any more */
  traceId: string | null | undefined
}

/** What is true of the order as a whole. */
export function OrderFacts({ order, traceId }: OrderFactsProps) {
  const { status, failureReason, customerId, reference, version, createdAt, updatedAt, expiresAt } = order
  return (
    <dl class="facts card">
      <Fact name="State">
        <StatusBadge status={status} />
      </Fact>
      {failureReason && <Fact name="Why">{REASONS[failureReason]}</Fact>}
      <Fact name="Customer">
        <OrdersOf by="customer" value={customerId} />
      </Fact>
      {reference && (
        <Fact name="Reference">
          <OrdersOf by="reference" value={reference} />
        </Fact>
      )}
      <Fact name="If short">{IF_SHORT[order.ifShort]}</Fact>
      <Fact name="Placed">
        <Time at={createdAt} />
      </Fact>
      <Fact name="Changed">
        <Time at={updatedAt} />
      </Fact>
      <Fact name="Version">
        <Num value={version} />
      </Fact>
      {expiresAt && (
        <Fact name="Hold until">
          <Time at={expiresAt} />
        </Fact>
      )}
      {traceId !== undefined && (
        <Fact name="Trace">
          {traceId ? <code>{traceId}</code> : <span class="muted">in the log, under the order’s id</span>}
        </Fact>
      )}
    </dl>
  )
}

const IF_SHORT = { ASK_SUPPLIER: 'asks a supplier', WAIT: 'waits for stock', FAIL: 'fails' } as const

/** Leads to the other orders of the same customer, or under the same number. */
function OrdersOf({ by, value }: { by: 'customer' | 'reference'; value: string | null }) {
  if (value === null) return <span class="muted">nobody in particular</span>
  return <a href={withQuery('/console/orders', { [by]: value })}>{value}</a>
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}
