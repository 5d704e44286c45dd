import type { ActivityInterceptorsFactory } from '@temporalio/worker';

/** How often a regular activity says that it lives; a cancellation reaches it in the answer. ms */
export const HEARTBEAT_MS = 2_000;

/**
 * Beats for every regular activity while it runs, so that none has to. It tells that the worker lives, not that the
 * activity gets anywhere: for that it has its deadline. Local activities have no heartbeat.
 */
export const heartbeats: ActivityInterceptorsFactory = (context) => ({
  inbound: {
    async execute(input, next) {
      if (context.info.isLocal) return next(input);
      const timer = setInterval(() => context.heartbeat(), HEARTBEAT_MS);
      try {
        return await next(input);
      } finally {
        clearInterval(timer);
      }
    },
  },
});
