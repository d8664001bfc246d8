-- Lists of items are in the order of bytes, whatever language the database sorts by: so a prefix is a range of each of their indexes.
drop index items_low_idx;
drop index items_out_idx;
create index items_low_idx on items (sku text_pattern_ops) where (is_low);
create index items_out_idx on items (sku text_pattern_ops) where (is_out is not false);

-- NULL in `is_out` is from now on an item of which nothing came yet, or whose first goods are being given out. Others that were being
-- served are as their levels say, and what serving them takes is crossed.
update items set is_out = not exists (
  select from stock_levels join locations on locations.code = stock_levels.location
  where stock_levels.sku = items.sku and locations.is_active and stock_levels.available > stock_levels.safety_stock
)
where is_out is null and exists (select from inventory_movements where inventory_movements.sku = items.sku);

-- An order whose turn it was, and that could be neither served nor failed, holds up nobody until then.
alter table orders add column passed_over_until timestamptz(3);

-- How long a queue has been served without a pause is a metric.
alter table serving add column since timestamptz(3) not null default now();
