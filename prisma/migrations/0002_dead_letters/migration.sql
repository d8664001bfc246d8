create table dead_letters (
  id uuid not null constraint dead_letters_pkey primary key,
  order_id uuid not null,
  task text not null,
  payload jsonb not null,
  error text not null,
  attempts integer not null,
  trace_id text,
  created_at timestamptz(3) not null,
  retried_at timestamptz(3),
  constraint dead_letters_attempts_check check (attempts >= 1)
);
-- what an operator has yet to look at, newest first
create index dead_letters_open_idx on dead_letters (id) where (retried_at is null);
create index dead_letters_order_id_idx on dead_letters (order_id);
