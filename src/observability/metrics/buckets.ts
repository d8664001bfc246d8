/**
 * Buckets for the work of this process and its database, in seconds: from a commit on a fast disk, or a job with nothing to do,
 * to the time limit of a statement.
 */
export const WORK_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
