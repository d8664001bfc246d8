-- Stock is counted, transferred and changed in bulk, under keys; what a count does not find is promised no longer.

-- A label cannot be used in the transaction that adds it, so what follows names none of these.
alter type movement_type add value 'TRANSFER_OUT';
alter type movement_type add value 'TRANSFER_IN';
alter type movement_type add value 'COUNT';
alter type order_event_type add value 'OrderUnreserved';

-- by the types that are of an order: all others are not
alter table inventory_movements
  drop constraint inventory_movements_order_check,
  add constraint inventory_movements_order_check check (
    (type in ('RESERVATION', 'SUPPLIER_RECEIPT', 'RELEASE', 'SHIPMENT', 'SHIPMENT_UNDONE', 'RETURN')) = (order_id is not null)
  );

-- A key of a change of stock has no order. What the change made stands in its place.
alter table idempotency_keys
  alter column order_id drop not null,
  add column made jsonb,
  add constraint idempotency_keys_made_check check ((order_id is null) = (made is not null));
