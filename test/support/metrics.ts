import type { App } from '../../src/create-app.ts'
import { parseScrape } from './scrape.ts'

/** The value of each sample, by its name with its labels as they are served. */
export async function readSamples({ metrics }: App): Promise<Map<string, number>> {
  const { samples } = parseScrape(await metrics.metrics())
  return new Map(
    samples.map(({ name, labels, value }) => {
      const pairs = Object.entries(labels).map(([label, text]) => `${label}=${JSON.stringify(text)}`)
      return [pairs.length > 0 ? `${name}{${pairs.join(',')}}` : name, value]
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
