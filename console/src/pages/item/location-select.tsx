import type { ResultOf } from 'gql.tada'
import { graphql } from '../../api/graphql.ts'
import { Select } from '../../components/field.tsx'

export const PlaceFields = graphql(`
  fragment PlaceFields on Location {
    id
    code
    name
    isActive
    isDefault
  }
`)

/** A location, as far as it is chosen from others. */
export type Place = ResultOf<typeof PlaceFields>

type LocationSelectProps = {
  label: string
  name?: string
  locations: readonly Place[]
  value: string
  onInput: (code: string) => void
  hint?: string
}

/** One of the locations; nothing where there is only one. */
export function LocationSelect({ locations, ...select }: LocationSelectProps) {
  if (locations.length < 2) return null
  return <Select name="location" options={locations.map(toOption)} {...select} />
}

function toOption({ code, name, isActive }: Place): readonly [string, string] {
  const title = name === code ? code : `${code} · ${name}`
  return [code, isActive ? title : `${title} (inactive)`]
}
