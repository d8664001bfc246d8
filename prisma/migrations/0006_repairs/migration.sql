-- each counter that reconcile has set to what ledger and orders say: no correction is silent
create table repairs (
  id bigserial not null constraint repairs_pkey primary key,
  sku text not null,
  field text not null,
  before bigint not null,
  after bigint not null,
  reason text not null,
  actor text not null,
  at timestamptz(3) not null,
  constraint repairs_field_check check (field in ('available', 'reserved')),
  constraint repairs_change_check check (before <> after)
);
create index repairs_sku_id_idx on repairs (sku, id);
