export const WIDTH = 960
export const MARGIN = 24
const FONT = 'ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, sans-serif'

// its own background: a page may be light where the reader's system is dark
const STYLE = `
  text { font: 13px ${FONT}; fill: #1f2328; }
  .title { font-size: 17px; font-weight: 600; }
  .strong { font-weight: 600; }
  .muted { fill: #59636e; font-size: 12px; }
  .background { fill: #ffffff; stroke: #d1d9e0; }
  .grid { stroke: #d1d9e0; }
  .baseline { stroke: #59636e; stroke-width: 1.5; }
  .range { stroke: #1f2328; stroke-width: 1.5; }
  .target { fill: none; stroke: #8250df; stroke-width: 2.5; }
  .target-text { fill: #8250df; font-size: 12px; }
  .met { fill: #2da44e; }
  .missed { fill: #d4792a; }
  .untargeted { fill: #8c959f; }
  .line, .dot, .spread { fill: none; stroke-width: 2; }
  .dot { stroke-width: 8; stroke-linecap: round; }
  .spread { opacity: 0.7; }
  .s0 { stroke: #0969da; } .s1 { stroke: #bc4c00; } .s2 { stroke: #1a7f37; } .s3 { stroke: #8250df; }
  text.s0, text.s1, text.s2, text.s3 { stroke: none; }
  text.s0 { fill: #0969da; } text.s1 { fill: #bc4c00; } text.s2 { fill: #1a7f37; } text.s3 { fill: #8250df; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .muted { fill: #9198a1; }
    .background { fill: #0d1117; stroke: #3d444d; }
    .grid { stroke: #2f353d; }
    .baseline { stroke: #9198a1; }
    .range { stroke: #f0f6fc; }
    .target { stroke: #bc8cff; } .target-text { fill: #bc8cff; }
    .met { fill: #238636; }
    .missed { fill: #bd6b1f; }
    .untargeted { fill: #656c76; }
    .s0 { stroke: #58a6ff; } .s1 { stroke: #f0883e; } .s2 { stroke: #3fb950; } .s3 { stroke: #bc8cff; }
    text.s0 { fill: #58a6ff; } text.s1 { fill: #f0883e; } text.s2 { fill: #3fb950; } text.s3 { fill: #bc8cff; }
  }`

/** Where a value is drawn. */
export type Scale = (value: number) => number

/** A line of text; `class` is one of those in STYLE. */
export function text(
  x: number,
  y: number,
  content: string,
  { class: className = '', anchor = 'start' }: { class?: string; anchor?: 'start' | 'middle' | 'end' } = {},
): string {
  return `<text x="${at(x)}" y="${at(y)}" class="${className}" text-anchor="${anchor}">${escapeXml(content)}</text>`
}

/** A picture of the parts, on its own background. */
export function svg(height: number, label: string, parts: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeXml(label)}">
<style>${STYLE}
</style>
<rect class="background" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="8"/>
${parts.join('\n')}
</svg>
`
}

/** A position as it is written: a tenth of a pixel is enough. */
export function at(position: number): string {
  return position.toFixed(1)
}

function escapeXml(content: string): string {
  return content
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
