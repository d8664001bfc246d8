/** What has yet to end: orders that wait for a job, holds, queues being served, and what suppliers have yet to answer. */
export const UNSETTLED = `select orders.id::text, orders.status::text, orders.version, null::text as sku, null::int as step, null::int as supplier_attempts, orders.updated_at
    from orders where orders.status = 'PENDING' or (orders.status = 'AWAITING_RESTOCK' and orders.if_short <> 'WAIT')
      or (orders.expires_at is not null and orders.status < 'FAILED')
    union all
    select 'the queue of ' || sku, 'SERVED', null, sku, null, null, null from serving
    union all
    select order_id::text, state::text, null, sku, step, attempts, asked_at from supplier_requests where ended_at is null`
