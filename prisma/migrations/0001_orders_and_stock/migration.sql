create type order_status as enum ('PENDING', 'RESERVED', 'AWAITING_RESTOCK', 'FAILED');
create type failure_reason as enum ('SUPPLIER_REFUSED', 'SUPPLIER_FAILED', 'SUPPLIER_DELAYED', 'SUPPLIER_UNREACHABLE', 'INTERNAL_ERROR');
create type order_event_type as enum ('OrderCreated', 'OrderReserved', 'OrderAwaitingRestock', 'OrderFailed', 'OrderReopened');
create type movement_type as enum ('RECEIPT', 'ADJUSTMENT', 'RESERVATION', 'SUPPLIER_RECEIPT');

create table inventory_items (
  sku text not null constraint inventory_items_pkey primary key,
  name text not null,
  available bigint not null,
  reserved bigint not null,
  constraint inventory_items_sku_check check (sku ~ '^[A-Za-z0-9._-]{1,64}$'),
  -- the last line of defence against overselling. Up to 2^53 - 1, which JSON carries exactly
  constraint inventory_items_available_check check (available between 0 and 9007199254740991),
  constraint inventory_items_reserved_check check (reserved between 0 and 9007199254740991)
)
-- one row is updated by every order of its SKU: room on its page lets each update stay there (HOT)
with (fillfactor = 50);

create table orders (
  id uuid not null constraint orders_pkey primary key,
  sku text not null,
  qty integer not null,
  status order_status not null,
  failure_reason failure_reason,
  supplier_ref text,
  supplier_step integer not null default 0,
  supplier_attempts integer not null default 0,
  supplier_rechecks integer not null default 0,
  version integer not null,
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  constraint orders_qty_check check (qty between 1 and 1000000),
  constraint orders_version_check check (version >= 1),
  constraint orders_failure_reason_check check ((status = 'FAILED') = (failure_reason is not null))
);
create index orders_sku_id_idx on orders (sku, id);
create index orders_unreserved_idx on orders (status, id) where (status <> 'RESERVED');

create table order_events (
  order_id uuid not null,
  version integer not null,
  type order_event_type not null,
  from_status order_status,
  to_status order_status not null,
  reason failure_reason,
  at timestamptz(3) not null,
  -- one event a transition
  constraint order_events_pkey primary key (order_id, version),
  constraint order_events_creation_check check ((version = 1) = (from_status is null)),
  constraint order_events_reason_check check ((to_status = 'FAILED') = (reason is not null))
);

create table inventory_movements (
  id bigserial not null constraint inventory_movements_pkey primary key,
  sku text not null,
  type movement_type not null,
  delta integer not null,
  available_after bigint not null,
  order_id uuid,
  reason text,
  actor text,
  created_at timestamptz(3) not null,
  constraint inventory_movements_delta_check check (delta <> 0),
  constraint inventory_movements_available_after_check check (available_after >= 0),
  constraint inventory_movements_order_check check ((type in ('RESERVATION', 'SUPPLIER_RECEIPT')) = (order_id is not null))
);
create index inventory_movements_sku_id_idx on inventory_movements (sku, id);
-- one reservation an order, whatever runs twice
create unique index inventory_movements_order_id_type_key on inventory_movements (order_id, type);

create table idempotency_keys (
  caller text not null,
  key text not null,
  order_id uuid not null,
  created_at timestamptz(3) not null,
  constraint idempotency_keys_pkey primary key (caller, key)
);
create index idempotency_keys_created_at_idx on idempotency_keys (created_at);

create table workers (
  id text not null constraint workers_pkey primary key,
  started_at timestamptz(3) not null,
  seen_at timestamptz(3) not null
);
