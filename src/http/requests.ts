import type { ServerResponse } from 'node:http';

/** The id that the first middleware gave to a request, for whoever answers it. */
const ids = new WeakMap<ServerResponse, string>();

export const setRequestId = (res: ServerResponse, id: string): void => {
  ids.set(res, id);
  res.setHeader('X-Request-Id', id);
};

export const requestIdOn = (res: ServerResponse): string => ids.get(res) ?? 'unknown';
