// Preloaded by --import into the processes under test: their wall clock is off by as much as chaos says. What runs by
// a clock of its own stays as it is, as it does when a machine's clock is set: performance.now, timers, the database.

const RealDate = Date
let offsetMs = Number(process.env.CHAOS_CLOCK_OFFSET_MS ?? 0)
const now = () => RealDate.now() + offsetMs

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, newTarget) =>
    Reflect.construct(target, args.length > 0 ? args : [now()], newTarget),
  apply: () => new RealDate(now()).toString(),
  get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
})

process.on('message', (message: { clockOffsetMs: number }) => {
  offsetMs = message.clockOffsetMs
})
// the channel alone keeps no process alive
process.channel?.unref()
