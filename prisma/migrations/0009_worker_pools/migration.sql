-- A process runs several pools of graphile-worker, each with an id of its own.
alter table workers add column pool_ids text[] default '{}';
