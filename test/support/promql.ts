import { parser } from '@prometheus-io/lezer-promql'

/** What an expression asks for: a metric by its name, and conditions on its labels. */
export type Selector = { metric: string; matchers: { label: string; operator: string; value: string }[] }

/**
 * Reads an expression of PromQL by Prometheus' own grammar.
 *
 * @returns what it selects, and the labels that it names besides: those of `by`, `without`, `on` and the like
 * @throws where it is no PromQL
 */
export function parsePromql(expression: string): { selectors: Selector[]; grouped: string[] } {
  const selectors: Selector[] = []
  const grouped: string[] = []
  const text = ({ from, to }: { from: number; to: number }) => expression.slice(from, to)
  parser.parse(expression).iterate({
    enter: ({ type, node }) => {
      if (type.isError) throw new Error(`no PromQL at ${node.from}: ${expression}`)
      if (type.name === 'VectorSelector') {
        const metric = node.getChild('Identifier')
        if (!metric) throw new Error(`a selector without a metric: ${expression}`)
        const matchers = node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? []
        selectors.push({
          metric: text(metric),
          matchers: matchers.map((matcher) => ({
            label: text(matcher.getChild('LabelName')!),
            operator: text(matcher.getChild('MatchOp')!),
            value: JSON.parse(text(matcher.getChild('StringLiteral')!)),
          })),
        })
      }
      if (type.name === 'GroupingLabels') grouped.push(...node.getChildren('LabelName').map(text))
    },
  })
  return { selectors, grouped }
}
