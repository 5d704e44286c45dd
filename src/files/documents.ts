import type { JsonObject } from '../kernel/json.ts';
import type { Change, GraphNode } from '../state/change.ts';

/**
 * What happens to documents (Markdown files) as memories. Planned inside a decision of the `StateWriter`, and committed
 * with the rest of it.
 */
export type DocumentChange =
  | {
      readonly op: 'create';
      readonly id: string;
      /** The file name without its ending: a name that wikilinks may use. */
      readonly name: string;
      readonly content: string;
      /** `{file: {root, path}}` */
      readonly metadata: JsonObject;
      /** What the memory is `stored_in`. */
      readonly fileNode: GraphNode;
    }
  | {
      /** Of a memory that is gone: it is made again under that id. */
      readonly op: 'update';
      readonly id: string;
      readonly name: string;
      readonly content: string;
      readonly metadata: JsonObject;
      readonly fileNode: GraphNode;
    }
  /** Of a memory that is gone: nothing. */
  | { readonly op: 'remove'; readonly id: string; readonly reason: string };

/** Memories as the files see them. Declared here, given by `main`: services do not import each other. */
export interface Documents {
  /** Each change sees the ones before it, as a batch whose notes link to each other needs. */
  plan(changes: readonly DocumentChange[], world: string): Promise<Change>;
}
