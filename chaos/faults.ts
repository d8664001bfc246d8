import { setTimeout as sleep } from 'node:timers/promises'
import type { ChaosDatabase } from './database.ts'
import type { Findings } from './findings.ts'
import type { Gaps } from './gaps.ts'
import type { HoldfastProcess } from './holdfast-process.ts'
import type { Random } from './random.ts'
import type { TcpProxy } from './tcp-proxy.ts'

export type FaultTargets = {
  processes: readonly HoldfastProcess[]
  database: ChaosDatabase
  /** One before the database for each process. */
  proxies: readonly TcpProxy[]
  gaps: Gaps
}

const PAUSE_MIN_MS = 200
const PAUSE_MAX_MS = 3_000
/** More than any wait of Holdfast's own but the age of keys, which is of days. */
const CLOCK_STEP_MAX_MS = 15 * 60_000

/** How often each kind is drawn, among all. */
const WEIGHTS = {
  'SIGKILL at any time': 3,
  'SIGKILL between two steps': 9,
  'SIGSTOP of a process': 3,
  'terminated backends': 4,
  'terminated LISTEN': 3,
  'immediate stop of PostgreSQL': 2,
  'connections cut': 3,
  'connections refused': 1,
  'connections stalled': 2,
  'connections delayed': 2,
  'clock step of a process': 3,
}
type FaultKind = keyof typeof WEIGHTS
const ALL_KINDS = (Object.keys(WEIGHTS) as FaultKind[]).flatMap((kind) =>
  Array<FaultKind>(WEIGHTS[kind]).fill(kind),
)

const BACKENDS = `select pid, application_name as name from pg_stat_activity
  where application_name like 'holdfast%' and backend_type = 'client backend' order by pid`

/**
 * Does harm at random points, of random kinds, until it is stopped, and undoes it.
 *
 * @param only which kinds to do, by their names; undefined for all
 */
export function startFaults(
  { processes, database, proxies, gaps }: FaultTargets,
  random: Random,
  findings: Findings,
  only: RegExp | undefined,
) {
  const kinds = ALL_KINDS.filter((kind) => !only || only.test(kind))
  const stopping = new AbortController()
  const sparing = new AbortController()
  const healing = new Set<Promise<unknown>>()
  let databaseAwayUntil = 0
  let isDatabaseDown = false

  /** Waits, or less when the run ends: what was harmed is healed then. */
  const pause = (ms: number) => sleep(ms, undefined, { signal: stopping.signal }).catch(() => {})
  const meanwhile = (work: Promise<unknown>) => {
    const healed = work.finally(() => healing.delete(healed))
    healing.add(healed)
  }

  async function terminate(isVictim: (name: string) => boolean, share: number): Promise<boolean> {
    try {
      const backends = await database.query<{ pid: number; name: string }>(BACKENDS)
      const pids = backends.filter(({ name }) => isVictim(name) && random.chance(share)).map(({ pid }) => pid)
      await database.query('select pg_terminate_backend(pid) from unnest($1::int[]) as pid', [pids])
      return pids.length > 0
    } catch {
      return false
    }
  }

  /** One process loses its database, or all do. */
  const pickProxies = () => (random.chance(0.5) ? proxies : [random.pick(proxies)])

  /** Each does its harm and returns whether there was something to harm; what takes time goes on by itself. */
  const inject: Record<FaultKind, () => Promise<boolean> | boolean> = {
    'SIGKILL at any time': () => random.pick(processes).signal('SIGKILL'),
    'SIGKILL between two steps': () => {
      meanwhile(gaps.killInOne(random, sparing.signal))
      // counted where it hits
      return false
    },
    'SIGSTOP of a process': () => {
      const process = random.pick(processes)
      const isStopped = process.signal('SIGSTOP')
      meanwhile(pause(random.whole(1_000, 12_000)).then(() => process.signal('SIGCONT')))
      return isStopped
    },
    'terminated backends': () => terminate(() => true, random.pick([0.1, 0.5, 1])),
    'terminated LISTEN': () => terminate((name) => name === 'holdfast-listen', 1),
    'immediate stop of PostgreSQL': () => {
      const downMs = random.whole(0, 3_000)
      if (isDatabaseDown) return false
      isDatabaseDown = true
      const restart = async () => {
        await database.crash()
        await pause(downMs)
        await database.start()
        isDatabaseDown = false
      }
      meanwhile(restart())
      return true
    },
    'connections cut': () => pickProxies().reduce((cut, proxy) => cut + proxy.cutAll(), 0) > 0,
    'connections refused': () => {
      const refusing = pickProxies()
      for (const proxy of refusing) {
        proxy.refuse(true)
        proxy.cutAll()
      }
      meanwhile(pause(5_000).then(() => refusing.forEach((proxy) => void proxy.refuse(false))))
      return true
    },
    'connections stalled': () => {
      const stalled = pickProxies()
      for (const proxy of stalled) proxy.stall(true)
      meanwhile(
        pause(random.whole(200, 4_000)).then(() => stalled.forEach((proxy) => void proxy.stall(false))),
      )
      return true
    },
    'connections delayed': () => {
      const delayed = pickProxies()
      const delayMs = random.whole(5, 150)
      for (const proxy of delayed) proxy.delay(delayMs)
      meanwhile(pause(random.whole(1_000, 4_000)).then(() => delayed.forEach((proxy) => void proxy.delay(0))))
      return true
    },
    'clock step of a process': () =>
      random.pick(processes).setClock(random.whole(-CLOCK_STEP_MAX_MS, CLOCK_STEP_MAX_MS)),
  }

  async function harm(): Promise<void> {
    while (!stopping.signal.aborted) {
      await pause(random.whole(PAUSE_MIN_MS, PAUSE_MAX_MS))
      if (stopping.signal.aborted) return
      const possible = sparing.signal.aborted ? kinds.filter((kind) => !kind.startsWith('SIGKILL')) : kinds
      if (possible.length === 0) return
      const kind = random.pick(possible)
      const isDatabaseFault = !/SIGKILL|of a process$/.test(kind)
      if (await inject[kind]()) {
        findings.count(`fault: ${kind}`)
        // with what the fault itself takes, and a start that gives up after its ten seconds
        if (isDatabaseFault) databaseAwayUntil = performance.now() + 25_000
      }
    }
  }

  const harming = harm()
  return {
    /** Whether a fault of late may have kept a process from its database. */
    wasDatabaseAway: () => isDatabaseDown || performance.now() < databaseAwayUntil,
    /** Kills no process from now on. */
    spareProcesses: () => sparing.abort(),
    /** Ends all harm, and waits until it is undone. */
    stop: async () => {
      sparing.abort()
      stopping.abort()
      await harming
      while (healing.size > 0) await Promise.all(healing)
      for (const proxy of proxies) proxy.heal()
    },
  }
}
