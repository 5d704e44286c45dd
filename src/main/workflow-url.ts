import type { Run } from '../dispatch/run.ts';

/** Where the Temporal UI shows a run's workflow; undefined where no UI is known, or the run was not started. */
export const workflowUrls =
  ({ uiUrl, namespace }: { readonly uiUrl: string | undefined; readonly namespace: string }) =>
  ({ workflow_id, temporal_run_id }: Pick<Run, 'workflow_id' | 'temporal_run_id'>): string | undefined => {
    if (uiUrl === undefined || workflow_id === null || temporal_run_id === null) return undefined;
    const path = [namespace, 'workflows', workflow_id, temporal_run_id].map(encodeURIComponent).join('/');
    return `${uiUrl.replace(/\/+$/, '')}/namespaces/${path}/history`;
  };
