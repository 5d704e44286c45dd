import { Client } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import type { Logger } from '../kernel/logger.ts';
import { temporalUnavailable } from './failures.ts';
import { installSdkRuntime } from './sdk-runtime.ts';

export interface TemporalAddress {
  /** `host:port` */
  readonly address: string;
  readonly namespace: string;
}

export interface TemporalConnection extends TemporalAddress {
  /** Shared by client and worker: that is what lets a start be eager, handing its first task to the worker at once. */
  readonly native: NativeConnection;
  readonly client: Client;
  /** Only after its workers have stopped. */
  close(): Promise<void>;
}

/**
 * Connects once. A connection that breaks later heals itself; calls made meanwhile fail.
 * @throws CrucibleError `temporal_unavailable`
 */
export const connectTemporal = async (
  options: TemporalAddress & { readonly logger: Logger },
): Promise<TemporalConnection> => {
  const { address, namespace, logger } = options;
  installSdkRuntime(logger);
  let native: NativeConnection;
  try {
    // On loopback, packing costs more than it saves.
    native = await NativeConnection.connect({ address, grpcCompression: { codec: 'none' } });
  } catch (error) {
    throw temporalUnavailable('Temporal does not answer', address, error);
  }
  return {
    address,
    namespace,
    native,
    client: new Client({ connection: native, namespace }),
    close: () => native.close(),
  };
};
