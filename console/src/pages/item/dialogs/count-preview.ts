import type { VariablesOf } from 'gql.tada'
import { useEffect, useState } from 'preact/hooks'
import { queries } from '../../../api/client.ts'
import { graphql } from '../../../api/graphql.ts'

export const CountDocument = graphql(`
  mutation CountStock($input: CountInventoryInput!) {
    countInventory(input: $input) {
      results {
        before
        after
      }
      unreserved {
        id
      }
      userErrors {
        message
        field
        code
      }
    }
  }
`)

type Input = Omit<VariablesOf<typeof CountDocument>['input'], 'reason'>

/** What would come of a count. */
export type CountPreview = {
  before: number | null
  after: number | null
  /** Orders that would wait again. */
  unreserved: readonly { id: string }[]
  /** Why it would be refused; undefined where it would not. */
  refusal: string | undefined
  /** Whether it would be refused because too much is promised. */
  isShort: boolean
}

/** A pause of somebody who types. */
const PAUSE_MS = 250

/**
 * Asks the server what would come of a count, which changes nothing.
 *
 * @param input null while there is nothing to ask
 * @param onHand asks again when it changes
 * @returns undefined until there is an answer to this input
 */
export function useCountPreview(input: Input | null, onHand: number): CountPreview | undefined {
  const asked = JSON.stringify(input)
  const [preview, setPreview] = useState<{ asked: string } & CountPreview>()
  useEffect(() => {
    if (input === null) return
    let isLeft = false
    const ask = async () => {
      // the reason of the count itself may not be written yet
      const dryRun = { ...input, reason: 'dry run', dryRun: true }
      const { data } = await queries.mutation(CountDocument, { input: dryRun })
      if (isLeft || !data) return
      const { results, unreserved, userErrors } = data.countInventory
      setPreview({
        asked,
        before: results[0]?.before ?? null,
        after: results[0]?.after ?? null,
        unreserved,
        refusal: userErrors[0]?.message,
        isShort: userErrors[0]?.code === 'INSUFFICIENT_STOCK',
      })
    }
    const timer = setTimeout(() => void ask(), PAUSE_MS)
    return () => {
      isLeft = true
      clearTimeout(timer)
    }
  }, [asked, onHand])
  return preview?.asked === asked && input ? preview : undefined
}
