import { setTimeout as sleep } from 'node:timers/promises'
import type { ChaosDatabase } from './database.ts'
import type { Findings } from './findings.ts'
import type { Gaps } from './gaps.ts'
import type { HoldfastProcess } from './holdfast-process.ts'
import { createRandom, type Random } from './random.ts'
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
/** What a fault of the database takes, and a start that gives up after its ten seconds. */
const DATABASE_FAULT_FELT_MS = 25_000

/** How often each kind is drawn, among all. */
const WEIGHTS = {
  'SIGKILL at any time': 3,
  'SIGKILL between two steps': 9,
  'SIGTERM and start again': 2,
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

/** A fault with all that belongs to it, drawn before anybody looks at what there is to harm. */
type Fault = ReturnType<typeof drawFault>

/** @param random the fault's own: what is drawn for it moves nothing in the next, and nothing that happens moves it */
function drawFault(random: Random, processCount: number) {
  return {
    pauseMs: random.whole(PAUSE_MIN_MS, PAUSE_MAX_MS),
    kind: random.pick(ALL_KINDS),
    victim: random.whole(0, processCount - 1),
    /** Whether it meets the connections of every process, or only the victim's. */
    isForAll: random.chance(0.5),
    /** Of what it may last. */
    duration: random.next(),
    clockOffsetMs: random.whole(-CLOCK_STEP_MAX_MS, CLOCK_STEP_MAX_MS),
    terminatedShare: random.pick([0.1, 0.5, 1]),
    delayMs: random.whole(5, 150),
    /** For choices among what there is at that moment. */
    random,
  }
}

const BACKENDS = `select pid, application_name as name from pg_stat_activity
  where application_name like 'holdfast%' and backend_type = 'client backend' order by pid`

/**
 * Does harm at random points, of random kinds, until it is stopped, and undoes it. The same seed draws the same faults.
 *
 * @param only which kinds to do, by their names: others are drawn as well, and left out; undefined for all
 */
export function startFaults(
  { processes, database, proxies, gaps }: FaultTargets,
  seed: number,
  findings: Findings,
  only: RegExp | undefined,
) {
  const stopping = new AbortController()
  const sparing = new AbortController()
  const healing = new Set<Promise<unknown>>()
  let databaseFeltUntil = 0
  let isDatabaseDown = false
  /** Faults under way that keep a process from its database, and when the last of them ended. */
  let outages = 0
  let lastOutageEndedAtMs = 0

  /** Waits, or less when the run ends: what was harmed is healed then. */
  const pause = (ms: number) => sleep(ms, undefined, { signal: stopping.signal }).catch(() => {})
  const meanwhile = (work: Promise<unknown>) => {
    const healed = work.finally(() => healing.delete(healed))
    healing.add(healed)
  }
  const duringOutage = async (work: Promise<unknown>) => {
    outages++
    await work
    outages--
    lastOutageEndedAtMs = performance.now()
  }

  async function terminate(isVictim: (name: string) => boolean, share: number, random: Random) {
    try {
      const backends = await database.query<{ pid: number; name: string }>(BACKENDS)
      const pids = backends.filter(({ name }) => isVictim(name) && random.chance(share)).map(({ pid }) => pid)
      await database.query('select pg_terminate_backend(pid) from unnest($1::int[]) as pid', [pids])
      return pids.length > 0
    } catch {
      return false
    }
  }

  const proxiesFor = ({ isForAll, victim }: Fault) => (isForAll ? proxies : [proxies[victim]!])
  const lasting = ({ duration }: Fault, minMs: number, maxMs: number) =>
    pause(minMs + duration * (maxMs - minMs))

  /** Each does its harm and returns whether there was something to harm; what takes time goes on by itself. */
  const inject: Record<FaultKind, (fault: Fault) => Promise<boolean> | boolean> = {
    'SIGKILL at any time': ({ victim }) => processes[victim]!.signal('SIGKILL'),
    'SIGKILL between two steps': ({ random }) => {
      meanwhile(gaps.killInOne(random, sparing.signal))
      // counted where it hits
      return false
    },
    'SIGTERM and start again': ({ victim }) => processes[victim]!.terminate(),
    'SIGSTOP of a process': (fault) => {
      const process = processes[fault.victim]!
      const isStopped = process.signal('SIGSTOP')
      meanwhile(lasting(fault, 1_000, 12_000).then(() => process.signal('SIGCONT')))
      return isStopped
    },
    'terminated backends': ({ terminatedShare, random }) => terminate(() => true, terminatedShare, random),
    'terminated LISTEN': ({ random }) => terminate((name) => name === 'holdfast-listen', 1, random),
    'immediate stop of PostgreSQL': (fault) => {
      if (isDatabaseDown) return false
      isDatabaseDown = true
      const restart = async () => {
        await database.crash()
        await lasting(fault, 0, 3_000)
        await database.start()
        isDatabaseDown = false
      }
      meanwhile(duringOutage(restart()))
      return true
    },
    'connections cut': (fault) => proxiesFor(fault).reduce((cut, proxy) => cut + proxy.cutAll(), 0) > 0,
    'connections refused': (fault) => {
      const refusing = proxiesFor(fault)
      for (const proxy of refusing) {
        proxy.refuse(true)
        proxy.cutAll()
      }
      const healed = pause(5_000).then(() => refusing.forEach((proxy) => void proxy.refuse(false)))
      meanwhile(duringOutage(healed))
      return true
    },
    'connections stalled': (fault) => {
      const stalled = proxiesFor(fault)
      for (const proxy of stalled) proxy.stall(true)
      const healed = lasting(fault, 200, 4_000).then(() =>
        stalled.forEach((proxy) => void proxy.stall(false)),
      )
      meanwhile(duringOutage(healed))
      return true
    },
    'connections delayed': (fault) => {
      const delayed = proxiesFor(fault)
      for (const proxy of delayed) proxy.delay(fault.delayMs)
      meanwhile(lasting(fault, 1_000, 4_000).then(() => delayed.forEach((proxy) => void proxy.delay(0))))
      return true
    },
    'clock step of a process': ({ victim, clockOffsetMs }) => processes[victim]!.setClock(clockOffsetMs),
  }

  const isLeftOut = (kind: FaultKind) =>
    (only && !only.test(kind)) || (sparing.signal.aborted && /^SIG(KILL|TERM)/.test(kind))

  async function harm(): Promise<void> {
    for (let count = 1; ; count++) {
      const fault = drawFault(createRandom(seed, `fault ${count}`), processes.length)
      await pause(fault.pauseMs)
      if (stopping.signal.aborted) return
      const { kind } = fault
      if (isLeftOut(kind)) continue
      findings.count(`drawn: ${kind}`)
      const isDatabaseFault = !/^SIG(KILL|TERM)|of a process$/.test(kind)
      if (await inject[kind](fault)) {
        findings.count(`fault: ${kind}`)
        if (isDatabaseFault) databaseFeltUntil = performance.now() + DATABASE_FAULT_FELT_MS
      }
    }
  }

  const harming = harm()
  return {
    /** Whether a fault of late may have kept a process that starts from its database. */
    wasDatabaseAway: () => outages > 0 || performance.now() < databaseFeltUntil,
    /** Whether a process was kept from its database at any moment since then, by `performance.now`. */
    wasOutageSince: (sinceMs: number) => outages > 0 || lastOutageEndedAtMs >= sinceMs,
    /** Ends no process from now on. */
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
