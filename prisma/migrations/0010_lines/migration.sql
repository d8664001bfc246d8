-- Orders get lines, stock gets locations, the supplier's progress a table of its own. One transaction: whatever stops it, the
-- database is that of the version before, which can go on.

-- An earlier version that goes on would fail at every statement, and use up the attempts of its jobs. A worker says that it
-- lives; any process has a connection that it listens on. Where DATABASE_URL has an application_name of its own, workers alone
-- tell.
do $$
declare
  running text;
begin
  select string_agg(process, ', ' order by process) into running from (
    select format('worker %s, last seen %s s ago', id, round(extract(epoch from now() - seen_at))) as process
    from workers where seen_at > now() - interval '8 s'
    union
    select format('%s from %s', application_name, coalesce(host(client_addr), 'this machine'))
    from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()
      and application_name in ('holdfast', 'holdfast-health', 'holdfast-listen', 'holdfast-worker')
  ) as processes;
  if running is not null then
    raise exception 'An earlier version still runs on this database, and the tables are about to change under it: %. '
      'Stop all its processes, and start again; one that was killed is gone after 8 s.', running;
  end if;
end
$$;

-- all that is changed, before the work: behind a backup it fails within seconds
lock table orders, order_events, inventory_items, inventory_movements, idempotency_keys, repairs, invariant_checks
  in access exclusive mode;
-- for the sorts of a million rows
set local work_mem = '256MB';
set local maintenance_work_mem = '512MB';

-- Open states sort before FAILED, the others from there on: `status < 'FAILED'` are the open ones. A label cannot be used in
-- the transaction that adds it, so what follows names none of these.
alter type order_status add value 'PARTIALLY_SHIPPED' before 'FAILED';
alter type order_status add value 'CANCELLED';
alter type order_status add value 'SHIPPED';
alter type order_event_type add value 'OrderCancelled';
alter type order_event_type add value 'OrderShipped';
alter type order_event_type add value 'ShipmentUndone';
alter type order_event_type add value 'OrderReturned';
alter type movement_type add value 'RELEASE';
alter type movement_type add value 'SHIPMENT';
alter type movement_type add value 'SHIPMENT_UNDONE';
alter type movement_type add value 'RETURN';
create type supplier_request_state as enum ('ASKED', 'ACCEPTED', 'DELIVERED', 'REFUSED', 'FAILED', 'DELAYED', 'UNREACHABLE');

-- stock

create table items (
  sku text not null,
  name text not null,
  constraint items_sku_check check (sku ~ '^[A-Za-z0-9._-]{1,64}$')
);
insert into items (sku, name) select sku, name from inventory_items;
alter table items add constraint items_pkey primary key (sku);

create table locations (
  code text not null constraint locations_pkey primary key,
  name text not null,
  priority integer not null default 100,
  is_active boolean not null default true,
  constraint locations_code_check check (code ~ '^[A-Za-z0-9._-]{1,64}$'),
  constraint locations_default_check check (code <> 'MAIN' or is_active)
);
insert into locations (code, name) values ('MAIN', 'Main');

create table stock_levels (
  sku text not null,
  location text not null,
  available bigint not null,
  reserved bigint not null,
  safety_stock bigint not null default 0,
  -- the last line of defence against overselling. Up to 2^53 - 1, which JSON carries exactly
  constraint stock_levels_available_check check (available between 0 and 9007199254740991),
  constraint stock_levels_reserved_check check (reserved between 0 and 9007199254740991),
  constraint stock_levels_safety_stock_check check (safety_stock between 0 and 9007199254740991)
)
-- one row is updated by every order of its SKU: room on its page lets each update stay there (HOT). Few rows that are updated
-- all the time: vacuumed without the usual pauses, before they spread
with (
  fillfactor = 50,
  autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.02
);
insert into stock_levels (sku, location, available, reserved)
select sku, 'MAIN', available, reserved from inventory_items order by sku;
alter table stock_levels add constraint stock_levels_pkey primary key (sku, location);

-- lines

create table order_lines (
  order_id uuid not null,
  sku text not null,
  position smallint not null,
  qty integer not null,
  reserved integer not null default 0,
  shipped integer not null default 0,
  cancelled integer not null default 0,
  returned integer not null default 0,
  constraint order_lines_qty_check check (qty between 1 and 1000000),
  -- what none of these has waits
  constraint order_lines_parts_check
    check (reserved >= 0 and shipped >= 0 and cancelled >= 0 and reserved + shipped + cancelled <= qty),
  constraint order_lines_returned_check check (returned between 0 and shipped)
)
-- A line is written and reserved within moments, and no index has what is updated: with room for both rows on its page, none
-- is written to (HOT). Without, the table is as large, and its indexes are half as large again.
with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
insert into order_lines (order_id, sku, position, qty, reserved, cancelled)
select
  id, sku, 0, qty,
  case status when 'RESERVED' then qty else 0 end,
  -- what a failed order gave up
  case status when 'FAILED' then qty else 0 end
from orders;
alter table order_lines add constraint order_lines_pkey primary key (order_id, sku);
create index order_lines_sku_order_id_idx on order_lines (sku, order_id);

-- the supplier: of orders that asked it

create table supplier_requests (
  order_id uuid not null,
  sku text not null,
  qty integer not null,
  supplier text not null,
  state supplier_request_state not null,
  ref text,
  step integer not null,
  attempts integer not null default 0,
  rechecks integer not null default 0,
  asked_at timestamptz(3) not null,
  ended_at timestamptz(3),
  constraint supplier_requests_qty_check check (qty between 1 and 1000000),
  constraint supplier_requests_ended_at_check check ((state in ('ASKED', 'ACCEPTED')) = (ended_at is null))
)
-- a row is updated with each answer
with (fillfactor = 50);
with waits as (
  -- its last wait for the supplier: since when, and the version that ended it
  select
    order_id,
    max(at) filter (where to_status = 'AWAITING_RESTOCK') as since,
    max(version) filter (where from_status = 'AWAITING_RESTOCK') as ending
  from order_events where 'AWAITING_RESTOCK' in (from_status, to_status) group by order_id
)
insert into supplier_requests (order_id, sku, qty, supplier, state, ref, step, attempts, rechecks, asked_at, ended_at)
select
  orders.id, orders.sku, orders.qty, 'default',
  case
    when orders.status = 'AWAITING_RESTOCK' then case when supplier_ref is null then 'ASKED' else 'ACCEPTED' end
    when ended.to_status = 'RESERVED' then 'DELIVERED'
    else case ended.reason
      when 'SUPPLIER_REFUSED' then 'REFUSED'
      when 'SUPPLIER_FAILED' then 'FAILED'
      when 'SUPPLIER_DELAYED' then 'DELAYED'
      -- also where its job was given up: nobody knows what it would have said
      else 'UNREACHABLE'
    end
  end::supplier_request_state,
  supplier_ref, supplier_step, supplier_attempts, supplier_rechecks,
  coalesce(waits.since, orders.created_at),
  case when orders.status <> 'AWAITING_RESTOCK' then coalesce(ended.at, orders.updated_at) end
from orders
left join waits on waits.order_id = orders.id
left join order_events as ended on ended.order_id = orders.id and ended.version = waits.ending
where supplier_step > 0;
alter table supplier_requests add constraint supplier_requests_pkey primary key (order_id, sku);
-- those that wait for an answer
create index supplier_requests_open_idx on supplier_requests (order_id, sku) where (ended_at is null);

-- idempotency keys

create table keys (
  caller text not null,
  key text not null,
  verb text not null,
  fingerprint text not null,
  order_id uuid not null,
  -- those that the call made
  shipment_ids uuid[],
  created_at timestamptz(3) not null
)
with (autovacuum_analyze_scale_factor = 0.02);
insert into keys (caller, key, verb, fingerprint, order_id, created_at)
select
  caller, key, 'createOrder',
  -- As fingerprintOf in src/use-cases/fingerprint.ts makes it of {customerId, lines: [{sku, qty}]}, so that a repeat of the
  -- call is still one: SHA-256 of the verb and the input as JSON, its fields in the order of their names, without those that
  -- are null. A customer's name may need escapes.
  encode(sha256(convert_to(
    'createOrder {' || coalesce('"customerId":' || to_json(customer_id)::text || ',', '')
      || '"lines":[{"qty":' || qty || ',"sku":"' || sku || '"}]}',
    'UTF8'
  )), 'hex'),
  order_id, idempotency_keys.created_at
-- a key whose order is not there, which the invariants report, could answer nothing
from idempotency_keys join orders on orders.id = order_id;
drop table idempotency_keys;
alter table keys rename to idempotency_keys;
alter table idempotency_keys add constraint idempotency_keys_pkey primary key (caller, key);
create index idempotency_keys_created_at_idx on idempotency_keys (created_at);

-- the ledger

create table movements (
  -- drawn under the level's lock: for one level the order in which it changed
  id bigint not null default nextval('inventory_movements_id_seq'),
  sku text not null,
  location text not null,
  type movement_type not null,
  -- of available, and of reserved
  delta integer not null,
  reserved_delta integer not null,
  available_after bigint not null,
  reserved_after bigint not null,
  order_id uuid,
  -- the version that the movement made of the order; null where it made none
  order_version integer,
  shipment_id uuid,
  reason text,
  reference text,
  actor text,
  created_at timestamptz(3) not null,
  -- ids are drawn before their commit: who reads them all goes by (xid, id), below the oldest transaction under way
  xid xid8 not null default pg_current_xact_id(),
  constraint inventory_movements_delta_check check (delta <> 0 or reserved_delta <> 0),
  constraint inventory_movements_available_after_check check (available_after >= 0),
  constraint inventory_movements_reserved_after_check check (reserved_after >= 0),
  constraint inventory_movements_order_check check ((type in ('RECEIPT', 'ADJUSTMENT')) = (order_id is null)),
  constraint inventory_movements_order_version_check check (order_version is null or order_id is not null)
)
with (autovacuum_analyze_scale_factor = 0.02);
with reservations as (
  select order_id, version from order_events where type = 'OrderReserved'
)
insert into movements (
  id, sku, location, type, delta, reserved_delta, available_after, reserved_after, order_id, order_version,
  reason, actor, created_at
)
select
  id, sku, 'MAIN', type, delta,
  case type when 'RESERVATION' then -delta else 0 end,
  available_after,
  coalesce(sum(-delta) filter (where type = 'RESERVATION') over (partition by sku order by id), 0),
  -- an order was reserved once, and its supplier's goods came in with that
  order_id, reservations.version,
  reason, actor, created_at
from inventory_movements left join reservations using (order_id)
order by id;
alter sequence inventory_movements_id_seq owned by movements.id;
drop table inventory_movements, inventory_items;
alter table movements rename to inventory_movements;
alter table inventory_movements add constraint inventory_movements_pkey primary key (id);
create index inventory_movements_sku_id_idx on inventory_movements (sku, id);
-- no transition moves stock twice, whatever runs twice
create unique index inventory_movements_transition_key
  on inventory_movements (order_id, order_version, sku, location, type) where (order_id is not null);
create index inventory_movements_shipment_id_idx on inventory_movements (shipment_id) where (shipment_id is not null);

create table shipments (
  id uuid not null constraint shipments_pkey primary key,
  order_id uuid not null,
  order_version integer not null,
  location text not null,
  reference text,
  created_at timestamptz(3) not null,
  undone_at timestamptz(3)
);
-- one a location
create unique index shipments_order_id_order_version_location_key on shipments (order_id, order_version, location);

-- orders and events, in place

alter table order_events
  -- what it was about, where that is not the whole order
  add column lines jsonb,
  add column actor text,
  add column note text,
  add column xid xid8 not null default pg_current_xact_id();
-- what a failed order gave up, which is what it gets back when it is opened again
update order_events set lines = jsonb_build_array(jsonb_build_object('sku', orders.sku, 'qty', orders.qty))
from orders where order_events.type = 'OrderFailed' and orders.id = order_events.order_id;

drop index orders_status_id_idx, orders_sku_status_id_idx;
alter table orders
  add column reference text,
  -- those it may take from; null for any
  add column locations text[],
  add column looked_at boolean not null default false,
  add column ending order_status,
  drop column sku,
  drop column qty,
  drop column supplier_ref,
  drop column supplier_step,
  drop column supplier_attempts,
  drop column supplier_rechecks;
update orders set looked_at = true where status = 'AWAITING_RESTOCK';
update orders set ending = 'FAILED' where status = 'FAILED';
alter table orders add constraint orders_ending_check check (coalesce(ending = status, status <> 'FAILED'));
-- Lists by state are ranges of these. Orders that are over stay out of the index of those that are open, which is written to
-- with every transition; together they have an entry an order, as one index had.
create index orders_open_status_id_idx on orders (status, id) where (status < 'FAILED');
create index orders_ended_status_id_idx on orders (status, id) where (status >= 'FAILED');
-- a shop looks for an order by its own number; an order without one costs nothing here
create index orders_reference_id_idx on orders (reference, id) where (reference is not null);

-- of a level, or of an order's line
alter table repairs
  add column location text default 'MAIN',
  add column order_id uuid,
  add constraint repairs_subject_check check ((location is null) <> (order_id is null));
alter table repairs alter column location drop default;

-- they are others now: each is due
delete from invariant_checks;

-- The statistics of new tables are none. Those of empty tables would say that they stay so.
do $$
begin
  if exists (select from orders) then
    analyze orders, order_lines, order_events, items, stock_levels, inventory_movements, supplier_requests, idempotency_keys;
  end if;
end
$$;
