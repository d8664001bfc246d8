/** Variables that begin so are ours: no other program is known to read them. */
const OWN_PREFIXES = ['SUPPLIER_', 'CREATE_ORDER_', 'RECONCILE_', 'PERSISTED_DOCUMENT', 'AUTH_JW']
/** What Kubernetes and Docker set for a service of such a name. */
const SERVICE_LINK = /_(SERVICE_(HOST|PORT.*)|PORT(_\d+_(TCP|UDP).*)?|NAME|ENV_.*)$/
/** Close to names of ours, and other programs' own. */
const OTHERS = /^(AUTH0_.*|OTEL_.*|npm_.*|DATADIR|LOGLEVEL)$/i

/** A shorter name has neighbours that mean something else: POST, HOSTS, ROLES. */
const LENGTH_MIN = 8
/** So many letters wrong, missing, too many or swapped, one in each six. */
const LETTERS_PER_MISTAKE = 6

/**
 * Finds variables that were meant for us and are none: they look like one that is known and not set, or begin as only
 * ours do.
 *
 * @param known the names of all variables
 * @returns each with the name that it looks most like
 */
export function findMisspelt(
  env: Record<string, unknown>,
  known: readonly string[],
): { name: string; meant: string }[] {
  const missing = known.filter((name) => env[name] === undefined)
  return Object.keys(env).flatMap((name) => {
    if (known.includes(name) || OTHERS.test(name)) return []
    const upper = name.toUpperCase()
    const isOwn = OWN_PREFIXES.some((prefix) => upper.startsWith(prefix)) && !SERVICE_LINK.test(upper)
    const [nearest] = (isOwn ? known : missing)
      .map((candidate) => ({ candidate, distance: countMistakes(upper, candidate) }))
      .sort((one, other) => one.distance - other.distance)
    if (!nearest) return []
    const { candidate, distance } = nearest
    const isNear =
      candidate.length >= LENGTH_MIN && distance <= Math.floor(candidate.length / LETTERS_PER_MISTAKE)
    return isOwn || isNear ? [{ name, meant: candidate }] : []
  })
}

/** How many letters have to be changed, put in, left out or swapped with the next to make one name of the other. */
function countMistakes(one: string, other: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (let i = 1; i <= one.length; i++) {
    const row = [i]
    for (let j = 1; j <= other.length; j++) {
      const isSame = one[i - 1] === other[j - 1]
      const isSwapped = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]
      row[j] = Math.min(
        last[j]! + 1,
        row[j - 1]! + 1,
        last[j - 1]! + (isSame ? 0 : 1),
        isSwapped ? beforeLast[j - 2]! + 1 : Number.POSITIVE_INFINITY,
      )
    }
    beforeLast = last
    last = row
  }
  return last.at(-1)!
}
