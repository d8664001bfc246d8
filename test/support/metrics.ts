import type { App } from '../../src/app.ts'

/** The value of each sample, by its name with its labels. */
export async function readSamples({ metrics }: App): Promise<Map<string, number>> {
  const lines = (await metrics.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => {
      const end = line.lastIndexOf(' ')
      return [line.slice(0, end), Number(line.slice(end + 1))]
    }),
  )
}

/** The samples of one metric that are not 0, by their labels as they are written. */
export async function readNonZero(app: App, name: string): Promise<Record<string, number>> {
  return Object.fromEntries(
    [...(await readSamples(app))].flatMap(([sample, value]) =>
      value !== 0 && sample.startsWith(`${name}{`) ? [[sample.slice(name.length), value]] : [],
    ),
  )
}
