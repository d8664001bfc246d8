// Loaded into a server that is measured: tells the benchmark what the process holds, by the channel to its parent.

process.on('message', ({ collects }: { collects: boolean }) => {
  if (collects) globalThis.gc?.()
  const { rss, heapUsed } = process.memoryUsage()
  process.send?.({ rss, heap: heapUsed })
})
