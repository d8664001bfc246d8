import type { Choices } from './choices.ts'

/**
 * Values that mean something to the service, by the name of the argument, field or parameter that takes them; of some also by
 * the input or path that has it.
 */
export type Corpus = Readonly<Record<string, readonly unknown[]>>

/** What no name says more of. The words that tell a leak are in none of them: an answer may well repeat its call. */
export const HOSTILE_STRINGS: readonly string[] = [
  '',
  ' ',
  '\0',
  'A\0B',
  'line\nbreak\r\n',
  '\u0007\u001b[31m',
  '\ud800',
  'x\udfff',
  '\u202e\u200b\ufeff',
  'Ünïcödé 🧨',
  "' or '1'='1",
  "'; drop table orders; --",
  '"; delete from inventory_items where true; --',
  '$1, $$, %s, %n, {{7*7}}',
  'mysql://root:toor@somewhere/orders',
  '../../../../etc/shadow',
  '<script>alert(1)</script>',
  '__proto__',
  'constructor',
  'null',
  'undefined',
  'NaN',
  '0',
  '-1',
  '1e400',
  '99999999999999999999999999',
  '01900000-0000-7000-8000-000000000000',
  '00000000-0000-0000-0000-000000000000',
  '{01900000-0000-7000-8000-000000000000}',
  'R1BDOlM6eA==',
  'R1BDOk46OTk5OTk5OTk5OTk5OTk5OTk5OTk5OQ==',
  'R1BDOkQ6MTcwMDAwMDAwMDAwMA==',
  'R1BDOko6WzEsMl0=',
  '====',
  'x'.repeat(64),
  'x'.repeat(65),
  'y'.repeat(300),
  'z'.repeat(5_000),
]

export const HOSTILE_NUMBERS: readonly number[] = [
  0, -1, 1, 101, 1_000_001, 2_147_483_647, -2_147_483_648, 2_147_483_648, 9_007_199_254_740_991, 1e300, 0.5,
  -0.5, 1e-7,
]

/** Of any type that JSON has, and most likely not of the one that is asked for. */
export function anyJson(choices: Choices): unknown {
  return choices.weighted<() => unknown>([
    [2, () => null],
    [2, () => choices.pick([true, false])],
    [3, () => choices.pick(HOSTILE_NUMBERS)],
    [4, () => choices.pick(HOSTILE_STRINGS)],
    [1, () => []],
    [1, () => [anyJson(choices)]],
    [1, () => ({})],
    [1, () => ({ [choices.pick(HOSTILE_STRINGS)]: anyJson(choices) })],
  ])()
}

/** A text as it is, or with a piece cut out, doubled, or put into it. */
export function damage(choices: Choices, text: string): string {
  const from = choices.below(text.length + 1)
  const to = Math.min(text.length, from + 1 + choices.below(12))
  const piece = choices.weighted<string>([
    [4, ''],
    [2, text.slice(from, to).repeat(2)],
    [4, choices.pick(['{', '}', '(', ')', '...', '$x', '@', '!', '"', '"""', '\\', '#', ':', '&', '\ufeff'])],
    [2, choices.pick(HOSTILE_STRINGS)],
  ])
  return text.slice(0, from) + piece + text.slice(to)
}
