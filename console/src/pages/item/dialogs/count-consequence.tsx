import { OrderLink } from '../../../components/links.tsx'
import { Num } from '../../../components/values.tsx'
import type { CountPreview } from './count-preview.ts'
import { Goes } from './goes.tsx'

/** More would be a page of links. */
const ORDERS_SHOWN = 5

/** Says what would come of a count. */
export function CountConsequence({ preview, location }: { preview: CountPreview; location: string }) {
  const { before, after, unreserved, refusal } = preview
  if (refusal !== undefined) return <p>It will be refused: {refusal}.</p>
  if (before === null || after === null) return null
  if (before === after)
    return (
      <p>
        On hand at {location} stays {before.toLocaleString()}: nothing to correct.
      </p>
    )
  return (
    <>
      <Goes what="On hand" at={location} from={before} to={after} />
      {unreserved.length > 0 && (
        <p>
          <Num value={unreserved.length} />{' '}
          {unreserved.length === 1 ? 'order loses its' : 'orders lose their'} promise and{' '}
          {unreserved.length === 1 ? 'waits' : 'wait'} again:{' '}
          {unreserved.slice(0, ORDERS_SHOWN).map(({ id }, index) => (
            <span key={id}>
              {index > 0 && ', '}
              <OrderLink id={id} />
            </span>
          ))}
          {unreserved.length > ORDERS_SHOWN && ' and others'}.
        </p>
      )}
    </>
  )
}
