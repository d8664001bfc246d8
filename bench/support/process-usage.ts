import { readFile } from 'node:fs/promises'

/** USER_HZ: 100 on every Linux that Node runs on. */
const TICK_MS = 10

/** Whether the system tells what a process uses, as Linux does. */
export async function isUsageKnown(): Promise<boolean> {
  return (await readStat(process.pid)) !== undefined
}

/** Processor time that these processes have taken so far, in ms. One that has ended counts for nothing. */
export async function readCpuMs(pids: readonly number[]): Promise<number> {
  const stats = await Promise.all(pids.map(readStat))
  return (
    stats.reduce((sum, fields) => sum + (fields ? Number(fields[11]) + Number(fields[12]) : 0), 0) * TICK_MS
  )
}

/** The fields that follow the program's name, which may itself hold anything. */
async function readStat(pid: number): Promise<string[] | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
}
