import { expect } from 'vitest'
import { inTransaction } from '../../src/database/transaction.ts'
import { test } from '../support/fixtures.ts'

test('fails with the error of the statement that failed, whichever of those sent with it is heard of first', async ({
  app,
}) => {
  const failing = inTransaction(app, 'read-status', async (tx) => {
    const later = async () => {
      try {
        await tx.query('select 1 / 0')
      } catch (error) {
        await Promise.resolve()
        throw error
      }
    }
    await Promise.all([later(), tx.query('select 1')])
  })
  await expect(failing).rejects.toMatchObject({ code: '22012' })
})

test('is tried again after a deadlock, also where other statements were sent with the one that met it', async ({
  app,
}) => {
  let tries = 0
  await inTransaction(app, 'read-status', async (tx) => {
    const collide = async () => {
      if (++tries > 1) return
      try {
        await tx.query(`do $$ begin raise exception using errcode = '40P01'; end $$`)
      } catch (error) {
        await Promise.resolve()
        throw error
      }
    }
    await Promise.all([collide(), tx.query('select 1')])
  })
  expect(tries).toBe(2)
})
