import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'

const HEIGHT_PX = 36

type SparklineProps = {
  /** Seconds since 1970, rising. */
  times: readonly number[]
  /** Null where there is none. */
  values: readonly (number | null)[]
}

/** Values over time, small and without words: the figure that it belongs to says the newest. Only in pages loaded by themselves. */
export function Sparkline({ times, values }: SparklineProps) {
  const frame = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(undefined)
  useEffect(() => {
    const element = frame.current!
    const scheme = matchMedia('(prefers-color-scheme: dark)')
    const draw = () => {
      plot.current?.destroy()
      plot.current = new uPlot(optionsOf(element), columnsOf({ times, values }), element)
    }
    draw()
    const sizes = new ResizeObserver(() =>
      plot.current?.setSize({ width: element.clientWidth, height: HEIGHT_PX }),
    )
    sizes.observe(element)
    scheme.addEventListener('change', draw)
    return () => {
      sizes.disconnect()
      scheme.removeEventListener('change', draw)
      plot.current?.destroy()
      plot.current = undefined
    }
  }, [])
  useEffect(() => plot.current?.setData(columnsOf({ times, values })), [times, values])
  return <div ref={frame} class="chart sparkline" aria-hidden="true" />
}

function columnsOf({ times, values }: SparklineProps): uPlot.AlignedData {
  return [times as number[], values as (number | null)[]]
}

/** A canvas knows no custom properties: the frame has the colour as a property of its own. */
function optionsOf(element: HTMLElement): uPlot.Options {
  const { color } = getComputedStyle(element)
  return {
    width: element.clientWidth,
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { show: false },
    // the line is 1.5 px wide, and not to be cut off at the edges
    padding: [2, 1, 2, 1],
    scales: { y: { range: (_, min, max) => [Math.min(0, min), Math.max(1, max)] } },
    axes: [{ show: false }, { show: false }],
    series: [{}, { stroke: color, width: 1.5, points: { show: false } }],
  }
}
