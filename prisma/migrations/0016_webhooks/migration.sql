-- Webhooks: receivers of events, and the deliveries that are under way, failed or were made last.
-- docs/decisions/0017-webhooks-read-the-outbox.md

create type webhook_status as enum ('ACTIVE', 'PAUSED', 'DISABLED');
create type delivery_status as enum ('PENDING', 'DELIVERED', 'GIVEN_UP');

create table webhooks (
  id uuid not null constraint webhooks_pkey primary key,
  url text not null,
  -- what it subscribes to: names of events, or patterns as `order.*`
  events text[],
  -- whether these name events of orders: only while a webhook subscribes to them do order events get a number
  has_order_events boolean not null,
  status webhook_status not null,
  -- why it was disabled
  disabled_reason text,
  -- since when no delivery has succeeded, while they fail
  failing_since timestamptz(3),
  -- all up to this number of the ledger's sequence is written as deliveries
  cursor bigint not null,
  -- encrypted where WEBHOOK_SECRET_KEY is set
  secret text not null,
  -- the one before, which signs as well until then
  previous_secret text,
  previous_secret_until timestamptz(3),
  created_at timestamptz(3) not null,
  -- Prisma has no list that is not null
  constraint webhooks_events_check check (events is not null and cardinality(events) > 0),
  constraint webhooks_cursor_check check (cursor >= 0),
  constraint webhooks_disabled_check check ((status = 'DISABLED') = (disabled_reason is not null)),
  constraint webhooks_previous_secret_check check ((previous_secret is null) = (previous_secret_until is null))
);

create table webhook_deliveries (
  -- UUID v7, made by the application
  id uuid not null constraint webhook_deliveries_pkey primary key,
  webhook_id uuid not null,
  -- the header webhook-id, which also names what the event is about
  event_id text not null,
  event_type text not null,
  status delivery_status not null,
  -- attempts that ended
  attempts integer not null default 0,
  -- when it is due; while it is sent, when it counts as lost
  next_attempt_at timestamptz(3),
  -- of the last attempt
  response_status integer,
  response_body text,
  error text,
  duration_ms integer,
  -- when the event was written for the webhook
  created_at timestamptz(3) not null,
  ended_at timestamptz(3),
  constraint webhook_deliveries_attempts_check check (attempts >= 0),
  constraint webhook_deliveries_due_check check ((status = 'PENDING') = (next_attempt_at is not null)),
  constraint webhook_deliveries_ended_check check ((status = 'PENDING') = (ended_at is null))
);
-- lists of a webhook, of one status or all; with those of one status, the oldest that is pending
create index webhook_deliveries_webhook_id_id_idx on webhook_deliveries (webhook_id, id);
create index webhook_deliveries_webhook_id_status_id_idx on webhook_deliveries (webhook_id, status, id);
-- what is due
create index webhook_deliveries_due_idx on webhook_deliveries (webhook_id, next_attempt_at) where (status = 'PENDING');
-- what is old enough to be deleted
create index webhook_deliveries_ended_idx on webhook_deliveries (webhook_id, status, ended_at) where (status <> 'PENDING');
-- rows come and go like jobs: tune-queue.ts has the reasons
alter table webhook_deliveries set (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 0
);

-- An order event's place in the outbox: a number of the ledger's sequence. NULL, and so in no index, unless a webhook subscribed to
-- orders when it was written.
alter table order_events add column outbox_id bigint;
create index order_events_outbox_id_idx on order_events (outbox_id) where (outbox_id is not null);

-- they are others now: each is due
delete from invariant_checks;
