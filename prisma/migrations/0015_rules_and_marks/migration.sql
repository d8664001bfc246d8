-- Lists of items are in the order of bytes, whatever language the database sorts by: so a prefix is a range of each of their indexes.
drop index items_low_idx;
drop index items_out_idx;
create index items_low_idx on items (sku text_pattern_ops) where (is_low);
create index items_out_idx on items (sku text_pattern_ops) where (is_out is not false);
