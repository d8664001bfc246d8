import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'

const PROGRAM = `
  const say = () =>
    process.send([Date.now(), new Date().getTime(), Date.parse(Date()), new Date(5).getTime(), new Date() instanceof Date])
  say()
  process.on('message', say)
  setInterval(() => {}, 1000)
`

test('a process sees its clock off, from the start and after a step', async () => {
  const preload = new URL('../../chaos/stepped-clock.ts', import.meta.url).href
  const child = spawn(process.execPath, ['--import', preload, '--eval', PROGRAM], {
    env: { ...process.env, CHAOS_CLOCK_OFFSET_MS: '-600000' },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const heard = once(child, 'message')
  const isOffBy = async (offsetMs: number, message: Promise<unknown[]>) => {
    const [[now, constructed, called, given, isDate]] = (await message) as [
      [number, number, number, number, boolean],
    ]
    for (const time of [now, constructed, called]) {
      expect(Math.abs(time - Date.now() - offsetMs)).toBeLessThan(30_000)
    }
    expect([given, isDate]).toEqual([5, true])
  }
  await isOffBy(-600_000, heard)
  const heardAgain = once(child, 'message')
  child.send({ clockOffsetMs: 900_000 })
  await isOffBy(900_000, heardAgain)
  child.kill()
})
