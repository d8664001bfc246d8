-- Files of stock that were imported, or are being: which line is next, so that the same file changes nothing twice. And what their
-- counts are compared with.

create table imports (
  id bigserial not null constraint imports_pkey primary key,
  -- whose key it is; '' where the file is known by what is in it, whoever sends it
  caller text not null,
  key text not null,
  -- SHA-256 of the file
  fingerprint text not null,
  -- advanced in the transaction of the rows before it
  next_line integer not null,
  rows_read integer not null default 0,
  changed integer not null default 0,
  unchanged integer not null default 0,
  skipped integer not null default 0,
  refused integer not null default 0,
  created_at timestamptz(3) not null,
  -- null while lines are left
  finished_at timestamptz(3),
  constraint imports_next_line_check check (next_line > 0),
  constraint imports_rows_check check (rows_read = changed + unchanged + skipped + refused)
);
create unique index imports_caller_key_key on imports (caller, key);
create index imports_created_at_idx on imports (created_at);

-- rows that an import refused, for a repeat to tell them again
create table import_refusals (
  import_id bigint not null,
  line integer not null,
  sku text not null,
  code text not null,
  message text not null,
  constraint import_refusals_pkey primary key (import_id, line)
);

-- What counts of a level have corrected since a movement: a count is compared with that while its SKU is locked. Orders pay
-- nothing for it. Not in 0012, which adds the label: a transaction cannot use a label that it adds.
create index inventory_movements_count_idx on inventory_movements (sku, location, id) where (type = 'COUNT');
