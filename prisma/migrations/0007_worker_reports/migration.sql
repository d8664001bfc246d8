-- what a worker says of itself with each beat, so that every process can tell: what its circuit to the supplier is (null
-- for one that has none, or of an earlier version), and how many jobs of each task it holds
alter table workers
  add column circuit text constraint workers_circuit_check check (circuit in ('closed', 'open', 'half-open')),
  add column jobs_held jsonb not null default '{}';
