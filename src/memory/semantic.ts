/** A memory whose meaning is near to what was asked. */
export interface SemanticMatch {
  readonly id: string;
  readonly world: string;
  /** The cosine of the angle between the two vectors: 1 is the same meaning, 0 has nothing to do with it. */
  readonly score: number;
}

interface SemanticAnswer {
  /** Best first. */
  readonly matches: readonly SemanticMatch[];
  /** How many memories (of all worlds) have no vector yet, or an old one: they may be missing here. */
  readonly pending: number;
}

/** Search by meaning, for those who set an embeddings endpoint. */
export interface Semantic {
  /**
   * The memories nearest in meaning, best first. The index follows the log in the background, so that a write never
   * waits for the endpoint; a memory that was removed is never found.
   * @param options.worlds where to look; undefined: everywhere
   * @param options.limit 1 to 1,000
   * @returns undefined when no endpoint is set
   * @throws CrucibleError `embeddings_unavailable` when the endpoint does not turn the text into a vector
   */
  search(
    text: string,
    options: { readonly worlds: readonly string[] | undefined; readonly limit: number },
  ): Promise<SemanticAnswer | undefined>;
}
