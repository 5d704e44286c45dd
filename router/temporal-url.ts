import type { Run } from '../src/dispatch/run.ts';

/** The web page of the Temporal server. */
export interface TemporalUi {
  /** `http://127.0.0.1:8233`, without a slash at the end or with one. */
  readonly url: string;
  readonly namespace: string;
}

/** The page of a run's workflow; null while it has none, or where no page is known. */
export const temporalUrl = (
  ui: TemporalUi | undefined,
  run: Pick<Run, 'workflow_id' | 'temporal_run_id'>,
): string | null => {
  if (ui === undefined || run.workflow_id === null) return null;
  const ids = [run.workflow_id, ...(run.temporal_run_id === null ? [] : [run.temporal_run_id])];
  const path = ['namespaces', ui.namespace, 'workflows', ...ids].map(encodeURIComponent).join('/');
  return `${ui.url.replace(/\/+$/, '')}/${path}`;
};
