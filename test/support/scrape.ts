/** One series at one moment. */
export type Sample = { name: string; labels: Record<string, string>; value: number }

/** What a process showed at `/metrics`, and when. */
export type Scrape = { samples: Sample[]; types: Record<string, string>; atS: number }

/** Reads the text format of Prometheus. */
export function parseScrape(text: string, atS = Date.now() / 1_000): Scrape {
  const samples: Sample[] = []
  const types: Record<string, string> = {}
  for (const line of text.split('\n')) {
    const [, typed, type] = /^# TYPE (\S+) (\S+)$/.exec(line) ?? []
    if (typed && type) types[typed] = type
    const [, name, labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
    if (!name || line.startsWith('#')) continue
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)]
    samples.push({
      name,
      labels: Object.fromEntries(pairs.map(([, label, text]) => [label!, JSON.parse(`"${text}"`)])),
      value: Number(value),
    })
  }
  return { samples, types, atS }
}

/** Asks a server for its metrics. */
export async function scrape(url: string): Promise<Scrape> {
  const response = await fetch(`${url}/metrics`)
  return parseScrape(await response.text())
}

/** Whether a series only ever grows. */
export function isCounter({ types }: Scrape, name: string): boolean {
  return types[name] === 'counter' || types[name.replace(/_(?:count|sum|bucket)$/, '')] === 'histogram'
}

/** A series as PromQL writes it, the same for the same labels in any order. */
export function seriesText({ name, labels }: Pick<Sample, 'name' | 'labels'>): string {
  const pairs = Object.entries(labels).sort(([one], [other]) => (one < other ? -1 : 1))
  return `${name}{${pairs.map(([label, value]) => `${label}=${JSON.stringify(value)}`).join(',')}}`
}
