/** Callers who each wait for an answer before they call again. */
export const CALLERS = 50

/** Calls once with each input, by so many callers. @returns calls per second */
export async function measureCalls<Input>(
  inputs: readonly Input[],
  call: (input: Input) => Promise<void>,
  callers = CALLERS,
): Promise<number> {
  const waiting = inputs.values()
  const startedAt = performance.now()
  await Promise.all(
    Array.from({ length: callers }, async () => {
      for (const input of waiting) await call(input)
    }),
  )
  return (inputs.length / (performance.now() - startedAt)) * 1000
}
