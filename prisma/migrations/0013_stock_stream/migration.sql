-- Items have thresholds, movements say which of them they crossed, and the ledger can be followed as a stream.

create type stock_threshold as enum ('LOW', 'OUT', 'BACK');

-- What can be promised of an item, as it was last judged: written when that changes, which is rare. NULL in `is_out`: nothing ever
-- came of it, or rules changed while it was served; what comes next crosses nothing. Rows that are there are set below.
alter table items
  add column low_stock_at bigint,
  add column is_low boolean not null default false,
  add column is_out boolean default false;
alter table items
  alter column is_out drop default,
  add constraint items_low_stock_at_check check (low_stock_at between 0 and 9007199254740991),
  add constraint items_is_low_check check (not is_low or low_stock_at is not null);
update items set is_out = case
  when exists (select from inventory_movements where inventory_movements.sku = items.sku)
    and not exists (select from serving where serving.sku = items.sku) then true
end
where not exists (
  select from stock_levels join locations on locations.code = stock_levels.location
  where stock_levels.sku = items.sku and locations.is_active and stock_levels.available > stock_levels.safety_stock
) or exists (select from serving where serving.sku = items.sku);
-- what a change of stock is judged by: empty where no item has a rule and none is out
create index items_judged_idx on items (sku) where (low_stock_at is not null or is_out is not false);
-- lists of items
create index items_low_idx on items (sku) where (is_low);
create index items_out_idx on items (sku) where (is_out is not false);
create index items_sku_prefix_idx on items (sku text_pattern_ops);

-- The stream of movements is in the order of their ids, which for one level is the order of the changes: that of (xid, id) is not,
-- since a transaction has its xid long before it waits for the level. So the primary key serves the stream, and writing a
-- movement costs nothing more. docs/decisions/0016-stock-stream-by-id.md
alter table inventory_movements
  -- null for nearly all
  add column crossed stock_threshold[],
  -- Of a movement behind which waiting orders were served, who took nothing, and which only then had crossed something: its second
  -- place in the stream, of the sequence of ids.
  add column crossed_id bigint;
create index inventory_movements_crossed_id_idx on inventory_movements (crossed_id) where (crossed_id is not null);

-- they are others now: each is due
delete from invariant_checks;
