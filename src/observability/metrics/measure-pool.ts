import type pg from 'pg'
import { Gauge, type Registry } from 'prom-client'

export function measurePool(registry: Registry, pool: pg.Pool): void {
  new Gauge({
    name: 'holdfast_database_pool_connections',
    help: 'Database connections for calls and tasks',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      this.set({ state: 'busy' }, pool.totalCount - pool.idleCount)
      this.set({ state: 'idle' }, pool.idleCount)
    },
  })
  new Gauge({
    name: 'holdfast_database_pool_waiting',
    help: 'Calls and tasks waiting for a database connection',
    registers: [registry],
    collect() {
      this.set(pool.waitingCount)
    },
  })
}
