import { defineConfig } from 'prisma/config'

// Only `prisma generate` reads this file. Migrations run in the server's own process: src/database/migrate.ts
export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
})
