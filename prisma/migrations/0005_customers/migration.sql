-- whose an order is; null where it was placed for nobody in particular, and so for every order without authentication
alter table orders add column customer_id text;
-- a customer's own list, newest first
create index orders_customer_id_id_idx on orders (customer_id, id) where (customer_id is not null);
