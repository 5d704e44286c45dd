import type { ServerResponse } from 'node:http';

/** What is known of a request, for whoever answers or logs it. */
interface Known {
  readonly id: string;
  /** Whom to count it for; see `clientOf`. */
  readonly client: string;
  /** Once its credentials were good. */
  principalId?: string;
  /** Once it is known what it asks for. */
  route?: string;
}

const requests = new WeakMap<ServerResponse, Known>();

/** By the first middleware. */
export const setRequest = (
  res: ServerResponse,
  known: { readonly id: string; readonly client: string },
): void => {
  requests.set(res, { ...known });
  res.setHeader('X-Request-Id', known.id);
};

export const requestIdOn = (res: ServerResponse): string => requests.get(res)?.id ?? 'unknown';

export const clientOn = (res: ServerResponse): string => requests.get(res)?.client ?? 'unknown';

export const setPrincipal = (res: ServerResponse, principalId: string): void => {
  const known = requests.get(res);
  if (known !== undefined) known.principalId = principalId;
};

export const principalOn = (res: ServerResponse): string | undefined => requests.get(res)?.principalId;

/** @param route a pattern such as `/api/v1/memory/{id}`, of which there are few */
export const setRoute = (res: ServerResponse, route: string): void => {
  const known = requests.get(res);
  if (known !== undefined) known.route = route;
};

/** `none`: it asks for nothing that we have. */
export const routeOn = (res: ServerResponse): string => requests.get(res)?.route ?? 'none';
