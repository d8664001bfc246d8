-- when each invariant was last looked at, and what was found: timetable, lock and result of the check that runs by itself
create table invariant_checks (
  invariant text not null constraint invariant_checks_pkey primary key,
  started_at timestamptz(3) not null,
  finished_at timestamptz(3),
  breaches integer,
  constraint invariant_checks_breaches_check check (breaches >= 0 and (breaches is null) = (finished_at is null))
);
