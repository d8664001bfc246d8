import type { BenchContext } from './scenario.ts'

/**
 * Runs each side once per repetition, each time another one first: what changes on the machine meanwhile meets them all.
 *
 * @returns for each side what its runs gave, in order
 */
export async function takeTurns<Side extends string, Result>(
  context: BenchContext,
  sides: Record<Side, () => Promise<Result>>,
): Promise<Record<Side, Result[]>> {
  const names = Object.keys(sides) as Side[]
  const results = Object.fromEntries(names.map((name) => [name, [] as Result[]])) as Record<Side, Result[]>
  for (let repetition = 0; repetition < context.repetitions; repetition++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(repetition + turn) % names.length]!
      results[name].push(await sides[name]())
    }
  }
  return results
}
