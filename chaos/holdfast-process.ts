import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, type WriteStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Findings } from './findings.ts'

const ROOT = new URL('..', import.meta.url).pathname
const LOG_TAIL_LINES = 60
const RESTART_DELAY_MS = 300
const STOP_LIMIT_MS = 10_000
/** pino's number for an error. */
const ERROR_LEVEL = 50

/**
 * One Holdfast, kept running: when it ends, another is started on the same port, as by a supervisor. An end that no
 * signal of ours explains is a violation, but for a start that finds the database away.
 */
export class HoldfastProcess {
  readonly url: string
  readonly #name: string
  readonly #env: Record<string, string>
  readonly #findings: Findings
  readonly #wasDatabaseAway: () => boolean
  readonly #wasOutageSince: (sinceMs: number) => boolean
  readonly #tail: string[] = []
  readonly #log: WriteStream | undefined
  #clockOffsetMs = 0
  #child: ChildProcess | undefined
  #isKilled = false
  /** When it was told to end, by SIGTERM. */
  #toldAtMs: number | undefined
  #isFrozen = false
  /** Whether it was, at any moment since it was told to end. */
  #wasFrozen = false
  #isStopping = false
  #hasListened = false
  #loop: Promise<void> | undefined

  /**
   * @param options.wasDatabaseAway whether a fault of the last seconds explains a start that fails
   * @param options.wasOutageSince whether a process was kept from its database at any moment since then
   */
  constructor(options: {
    name: string
    port: string
    env: Record<string, string>
    findings: Findings
    wasDatabaseAway: () => boolean
    wasOutageSince: (sinceMs: number) => boolean
    /** A folder for all that it writes; undefined to keep only the end of it. */
    logDir: string | undefined
  }) {
    this.#name = options.name
    this.url = `http://127.0.0.1:${options.port}`
    this.#env = { PATH: process.env.PATH ?? '', PORT: options.port, ...options.env }
    this.#findings = options.findings
    if (options.logDir) this.#log = createWriteStream(join(options.logDir, `${options.name}.log`))
    this.#wasDatabaseAway = options.wasDatabaseAway
    this.#wasOutageSince = options.wasOutageSince
  }

  start(): void {
    this.#loop = this.#keepRunning()
  }

  /** Sends a signal to the process. @returns false when there is none at this moment */
  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): boolean {
    if (!this.#child || this.#isKilled) return false
    if (signal === 'SIGKILL') this.#isKilled = true
    else this.#isFrozen = signal === 'SIGSTOP'
    this.#wasFrozen ||= this.#isFrozen
    return this.#child.kill(signal)
  }

  /**
   * Ends it in good order, and another is started. That has to work within ten seconds, unless it is frozen or has no
   * database meanwhile. @returns false when there is none at this moment
   */
  terminate(): boolean {
    const child = this.#child
    if (!child || this.#isKilled || this.#toldAtMs !== undefined) return false
    this.#toldAtMs = performance.now()
    this.#wasFrozen = this.#isFrozen
    const timer = setTimeout(() => {
      if (this.#isStopExcused())
        this.#findings.count('stops that were cut short, frozen or without a database')
      else this.#violate(`did not stop within 10 s of SIGTERM:\n${this.#tail.join('\n')}`)
      this.signal('SIGKILL')
    }, STOP_LIMIT_MS)
    child.once('exit', () => clearTimeout(timer))
    return child.kill('SIGTERM')
  }

  /** Sets its wall clock: it is off by so much from now on, and after a start as well. @returns false when there is none */
  setClock(offsetMs: number): boolean {
    this.#clockOffsetMs = offsetMs
    // one that was just killed starts with it; without a callback, that it hears no more would be taken for its end
    return this.#child?.connected === true && this.#child.send({ clockOffsetMs: offsetMs }, () => {})
  }

  async isReady(): Promise<boolean> {
    const response = await fetch(`${this.url}/health/ready`, { signal: AbortSignal.timeout(3_000) }).catch(
      () => undefined,
    )
    await response?.body?.cancel()
    return response?.ok ?? false
  }

  /** Ends it in good order, which has to work within ten seconds. */
  async stop(): Promise<void> {
    this.#isStopping = true
    const child = this.#child
    if (child) {
      const ended = once(child, 'exit')
      child.kill('SIGCONT')
      child.kill('SIGTERM')
      const late = sleep(STOP_LIMIT_MS, 'late' as const, { ref: false })
      const outcome = await Promise.race([ended, late])
      if (outcome === 'late') this.#violate('did not stop within 10 s of SIGTERM')
      else if (outcome[0] !== 0) this.#violate(`ended with ${outcome[0] ?? outcome[1]} after SIGTERM`)
    }
    await this.end()
  }

  /** Ends it at once, and starts no other. */
  async end(): Promise<void> {
    this.#isStopping = true
    this.#child?.kill('SIGKILL')
    await this.#loop
  }

  /** For the moment in which this process itself ends: leaves nothing behind. */
  endNow(): void {
    this.#child?.kill('SIGKILL')
  }

  async #keepRunning(): Promise<void> {
    while (!this.#isStopping) {
      const child = spawn(process.execPath, ['--import', './chaos/stepped-clock.ts', 'src/server.ts'], {
        cwd: ROOT,
        env: { ...this.#env, CHAOS_CLOCK_OFFSET_MS: String(this.#clockOffsetMs) },
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      })
      this.#child = child
      this.#isKilled = false
      this.#isFrozen = false
      this.#toldAtMs = undefined
      this.#hasListened = false
      for (const stream of [child.stdout!, child.stderr!]) {
        createInterface({ input: stream }).on('line', (line) => this.#hear(line))
      }
      child.once('exit', () => {
        this.#child = undefined
      })
      // only with it has everything been read that the process said last
      const [code, signal] = await once(child, 'close')
      this.#judgeEnd(code ?? signal)
      if (!this.#isStopping) await sleep(RESTART_DELAY_MS)
    }
  }

  #judgeEnd(how: number | string): void {
    if (this.#isKilled || this.#isStopping) return
    if (!this.#hasListened && how === 1 && this.#wasDatabaseAway()) {
      this.#findings.count('starts that found the database away')
      return
    }
    if (this.#toldAtMs !== undefined) {
      // a process hears signals once its modules are loaded
      const isTooEarly = how === 'SIGTERM' && !this.#hasListened
      if (how === 0 || isTooEarly) this.#findings.count('stops in good order')
      else if (this.#isStopExcused()) this.#findings.count(`stops by ${how}, frozen or without a database`)
      else this.#violate(`ended with ${how} after SIGTERM:\n${this.#tail.join('\n')}`)
      return
    }
    this.#violate(`ended by itself with ${how}:\n${this.#tail.join('\n')}`)
  }

  #isStopExcused(): boolean {
    return this.#wasFrozen || this.#wasOutageSince(this.#toldAtMs!)
  }

  #hear(line: string): void {
    if (line.includes('/health/ready')) this.#hasListened = true
    this.#log?.write(`${line}\n`)
    this.#tail.push(line.slice(0, 1_500))
    if (this.#tail.length > LOG_TAIL_LINES) this.#tail.shift()
    if (line[0] !== '{') return
    try {
      const { level, msg, err } = JSON.parse(line) as {
        level: number
        msg: string
        err?: { message?: string; stack?: string }
      }
      if (level >= ERROR_LEVEL) this.#findings.log(`${msg}: ${err?.message ?? ''}`, err?.stack ?? line)
    } catch {
      // a line that a kill cut off
    }
  }

  #violate(detail: string): void {
    this.#findings.violate('no process ends but by our signals', this.#name, detail)
  }
}
