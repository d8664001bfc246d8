-- Each secret of a webhook that was replaced signs for its own 24 h, also where another follows before they are over.
alter table webhooks
  -- [{"secret": …, "until": …}], the newest first; encrypted where WEBHOOK_SECRET_KEY is set
  add column replaced_secrets jsonb not null default '[]';

update webhooks set replaced_secrets = jsonb_build_array(jsonb_build_object('secret', previous_secret, 'until', previous_secret_until))
where previous_secret is not null;

alter table webhooks drop column previous_secret, drop column previous_secret_until;

-- What is due, first attempts and retries apart: each have slots of their own, so that new events never wait for those that fail.
drop index webhook_deliveries_due_idx;
create index webhook_deliveries_first_idx on webhook_deliveries (webhook_id, next_attempt_at)
  where (status = 'PENDING' and attempts = 0);
create index webhook_deliveries_retry_idx on webhook_deliveries (webhook_id, next_attempt_at)
  where (status = 'PENDING' and attempts > 0);
