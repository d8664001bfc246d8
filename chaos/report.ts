import type { Findings } from './findings.ts'

/** Prints what was done, what was found, and how to do it again. */
export function printReport(
  findings: Findings,
  { seed, minutes }: { seed: number; minutes: number },
  say: (text: string) => void,
): void {
  const counts = [...findings.counts].sort(([one], [other]) => one.localeCompare(other))
  const section = (title: string, prefix: string) => {
    say(`\n${title}`)
    for (const [what, count] of counts) {
      if (what.startsWith(prefix)) say(`  ${String(count).padStart(8)}  ${what.slice(prefix.length)}`)
    }
  }
  section('Faults injected', 'fault: ')
  section('The supplier', 'supplier: ')
  say('\nThe run')
  for (const [what, count] of counts) {
    if (!/^(fault|supplier): /.test(what)) say(`  ${String(count).padStart(8)}  ${what}`)
  }
  if (findings.logged.size > 0) say('\nErrors in the logs')
  for (const [kind, { count }] of findings.logged) say(`  ${String(count).padStart(8)}  ${kind}`)

  say(`\nViolations: ${findings.violationCount}`)
  for (const { check, count, first } of findings.violations()) {
    say(`\n  ${check}: ${count}`)
    for (const { subject, detail } of first) say(`    ${subject}: ${detail}`)
  }
  say(`\nThe same again: npm run chaos -- --seed ${seed} --minutes ${minutes}`)
}
