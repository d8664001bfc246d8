import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'

const ROOT = new URL('../../', import.meta.url)

/** Where the alerts are, for Prometheus. */
export const RULES_FILE = new URL('ops/prometheus/alerts.yml', ROOT).pathname

/** An alert as its file has it. */
export type Alert = {
  alert: string
  expr: string
  /** How long it has to be true: `5m`. */
  for?: string
  labels: Record<string, string>
  annotations: Record<string, string>
}

/** A panel of the dashboard, or a row, as Grafana keeps it. */
export type Panel = {
  id: number
  type: string
  title: string
  gridPos: { x: number; y: number; w: number; h: number }
  datasource?: object
  targets?: { expr: string; datasource: object }[]
}

export async function readAlerts(): Promise<Alert[]> {
  const { groups } = parse(await readProjectFile('ops/prometheus/alerts.yml')) as {
    groups: { rules: Alert[] }[]
  }
  return groups.flatMap(({ rules }) => rules)
}

export async function readDashboard() {
  const { panels, templating } = JSON.parse(await readProjectFile('ops/grafana/holdfast.json')) as {
    panels: Panel[]
    templating: { list: { name: string; type: string; query: unknown }[] }
  }
  return { panels, variables: templating.list }
}

/** A file of the project as text. */
export function readProjectFile(path: string): Promise<string> {
  return readFile(new URL(path, ROOT), 'utf8')
}
