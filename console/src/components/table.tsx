import type { ComponentChildren } from 'preact'
import { useShown } from './show-more.tsx'

export type Column<Row> = {
  head: string
  cell: (row: Row) => ComponentChildren
  /** Numbers stand right, so that they can be compared. */
  isNumeric?: boolean
}

type TableProps<Row> = {
  /** What it lists, for screen readers. */
  caption: string
  columns: readonly Column<Row>[]
  rows: readonly Row[]
  keyOf: (row: Row) => string
  /** What a link to a row has after `#`; undefined where nothing leads to one. */
  anchorOf?: (row: Row) => string
}

/** A list, the first 100 rows of it and more on demand. On a narrow screen each row is a card, whose cells name their column. */
export function Table<Row>({ caption, columns, rows, keyOf, anchorOf }: TableProps<Row>) {
  const [shown, more] = useShown(rows)
  return (
    <>
      <div class="table-frame">
        {/* a narrow screen shows it as blocks, which are no table to a screen reader unless their roles say so */}
        {/* biome-ignore-start lint/a11y/noRedundantRoles: see above */}
        <table role="table">
          <caption class="visually-hidden">{caption}</caption>
          <thead role="rowgroup">
            <tr role="row">
              {columns.map(({ head, isNumeric }) => (
                <th key={head} role="columnheader" scope="col" class={isNumeric ? 'numeric' : undefined}>
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody role="rowgroup">
            {shown.map((row) => (
              <tr key={keyOf(row)} id={anchorOf?.(row)} role="row">
                {columns.map(({ head, cell, isNumeric }) => (
                  <td key={head} role="cell" data-head={head} class={isNumeric ? 'numeric' : undefined}>
                    {cell(row)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
        {/* biome-ignore-end lint/a11y/noRedundantRoles: see above */}
      </div>
      {more}
    </>
  )
}
