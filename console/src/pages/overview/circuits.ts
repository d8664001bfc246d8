/** What the supplier does by the state of its circuit, and what that is called. */
export const CIRCUITS = {
  CLOSED: ['answers', 'closed'],
  HALF_OPEN: ['is tried again', 'half-open'],
  OPEN: ['does not answer', 'open'],
} as const
