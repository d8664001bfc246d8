import type { WriteStream } from 'node:tty'

const BAR_WIDTH = 24
/** An eye follows no more. */
const DRAW_INTERVAL_MS = 100

/** How far rows are. `total`: null where nobody knows it. */
export type Progress = { rows: number; total: number | null; elapsedMs: number }

/** Writes how far rows are, in a line. */
export function formatProgress({ rows, total, elapsedMs }: Progress): string {
  const perSecond = elapsedMs > 0 ? Math.round((rows * 1_000) / elapsedMs) : 0
  const rate = `${perSecond.toLocaleString('en')} rows/s`
  if (total === null) return `${rows.toLocaleString('en')} rows  ${rate}`
  const share = total > 0 ? Math.min(1, rows / total) : 1
  const filled = Math.floor(share * BAR_WIDTH)
  const bar = `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)}`
  const percent = `${Math.floor(share * 100)}%`.padStart(4)
  return `${bar}${percent}  ${rows.toLocaleString('en')} of ${total.toLocaleString('en')} rows  ${rate}`
}

/** Draws how far rows are on a terminal, in one line that is written over. Elsewhere it draws nothing. */
export class ProgressBar {
  readonly #out: Pick<WriteStream, 'write' | 'isTTY'>
  readonly #startedAtMs = performance.now()
  #drawnAtMs = -Infinity

  constructor(out: Pick<WriteStream, 'write' | 'isTTY'> = process.stderr) {
    this.#out = out
  }

  draw(rows: number, total: number | null): void {
    const nowMs = performance.now()
    if (!this.#out.isTTY || nowMs - this.#drawnAtMs < DRAW_INTERVAL_MS) return
    this.#drawnAtMs = nowMs
    this.#out.write(`\r\x1b[K${formatProgress({ rows, total, elapsedMs: nowMs - this.#startedAtMs })}`)
  }

  /** Takes the line away, for what is said in the end. */
  clear(): void {
    if (this.#out.isTTY) this.#out.write('\r\x1b[K')
  }

  /** What it would draw, whenever it is asked. */
  summary(rows: number): string {
    return formatProgress({ rows, total: null, elapsedMs: performance.now() - this.#startedAtMs })
  }
}
