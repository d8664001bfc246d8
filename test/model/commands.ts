import type fc from 'fast-check'
import type { Command } from './command.ts'
import { race, sideBySide } from './concurrent-commands.ts'
import { createInBatch, createInCalls } from './create-commands.ts'
import { callVerb, callVerbs, reserve, settle } from './order-commands.ts'
import { adjustMany, importSheet, setSafety } from './sheet-commands.ts'
import { adjust, keepStock, reserveWhileServed, save } from './stock-commands.ts'
import { expire, fail, retry, split, sweepUp, workSome } from './upkeep-commands.ts'

/** Everything that is done, the more often what has most to go wrong. */
export const COMMANDS: fc.Arbitrary<Command>[] = [
  createInCalls,
  createInBatch,
  createInBatch,
  createInBatch,
  reserve,
  settle,
  settle,
  callVerb,
  callVerb,
  callVerb,
  callVerbs,
  race,
  race,
  save,
  adjust,
  keepStock,
  keepStock,
  keepStock,
  adjustMany,
  importSheet,
  setSafety,
  reserveWhileServed,
  reserveWhileServed,
  fail,
  retry,
  expire,
  workSome,
  workSome,
  split,
  sweepUp,
  sideBySide,
]
