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
  section('SIGKILLs between two steps', 'gap: ')
  section('The supplier', 'supplier: ')
  section('The receiver of webhooks', 'receiver: ')
  say('\nThe run')
  for (const [what, count] of counts) {
    if (!/^(drawn|fault|gap|supplier|receiver): /.test(what)) say(`  ${String(count).padStart(8)}  ${what}`)
  }
  if (findings.logged.size > 0) say('\nErrors in the logs')
  for (const [kind, { count }] of findings.logged) say(`  ${String(count).padStart(8)}  ${kind}`)

  const sumOf = (prefix: string) =>
    counts.reduce((sum, [what, count]) => (what.startsWith(prefix) ? sum + count : sum), 0)
  const gaps = counts.filter(([what]) => what.startsWith('gap: '))
  say(`\nFaults: ${sumOf('fault: ')}, and ${sumOf('supplier: harm: ')} by the supplier`)
  say(
    `SIGKILLs: ${sumOf('fault: SIGKILL')}, in ${gaps.filter(([, count]) => count > 0).length} of ${gaps.length} gaps`,
  )
  say(`Orders: ${findings.counts.get('orders') ?? 0}`)
  say(`Violations: ${findings.violationCount}`)
  for (const { check, count, first } of findings.violations()) {
    say(`\n  ${check}: ${count}`)
    for (const { subject, detail } of first) say(`    ${subject}: ${detail}`)
  }
  say(`\nThe same again: npm run chaos -- --seed ${seed} --minutes ${minutes}`)
}
