import type { App } from '../../src/create-app.ts'

/** Has every reservation of a SKU fail in the database, until what it gives is called. */
export async function breakReservations({ pool }: App, sku: string): Promise<() => Promise<unknown>> {
  await pool.query(`
    create function break_reservation() returns trigger language plpgsql as $$ begin raise 'broken'; end $$;
    create trigger break_reservation before update on stock_levels
      for each row when (new.sku = '${sku}') execute function break_reservation()`)
  return () => pool.query('drop function break_reservation cascade')
}
