/** The `custom.*` types whose payload somebody has laid down. They are the same in every world. */
import type { Issue } from '../kernel/errors.ts';
import type { JsonObject, JsonValue } from '../kernel/json.ts';
import { compareVersions } from './custom-compatibility.ts';

/** One version of a registered type. A type, not an interface, so that it is a `Row`. */
export type CustomVersion = {
  /** `<type>@<version>` */
  readonly id: string;
  readonly type: string;
  readonly version: string;
  readonly description: string;
  readonly schema: JsonObject;
  readonly example: JsonObject | null;
  /** ms since the epoch */
  readonly created_at: number;
};

/** Everything wrong with a value; empty: it fits. */
type SchemaCheck = (value: JsonValue) => readonly Issue[];

/** @returns the check, or everything that is wrong with the schema, paths relative to it */
export type CompileSchema = (schema: JsonObject) => SchemaCheck | readonly Issue[];

export interface CustomTypes {
  /** The versions of a type, oldest first; empty: nobody has registered it. */
  versions(type: string): readonly CustomVersion[];
  /** The newest version of each, by name. */
  newest(): readonly CustomVersion[];
  /**
   * Which version a payload of this type is of, and what keeps it from fitting; undefined: it is no registered type.
   * @param version as the publisher named it; without it, the newest
   */
  judge(
    type: string,
    version: string | undefined,
    payload: JsonObject,
  ): { readonly version: string; readonly unknown: boolean; readonly issues: readonly Issue[] } | undefined;
  /** Holds from here on. */
  adopt(version: CustomVersion): void;
}

/** What is registered, in memory: asked for each event that is published. */
export const createCustomTypes = (compile: CompileSchema): CustomTypes => {
  const byType = new Map<string, readonly CustomVersion[]>();

  const checkOf = (schema: JsonObject): SchemaCheck => {
    const check = compile(schema);
    // It was compiled when it was registered. A release that cannot do so any more must not let anything through.
    return typeof check === 'function'
      ? check
      : () => [{ path: '', message: `the registered schema cannot be used: ${check[0]?.message ?? ''}` }];
  };

  return {
    versions: (type) => byType.get(type) ?? [],
    newest: () =>
      [...byType.values()]
        .flatMap((versions) => versions.at(-1) ?? [])
        .toSorted((a, b) => (a.type < b.type ? -1 : 1)),
    judge: (type, asked, payload) => {
      const versions = byType.get(type);
      const newest = versions?.at(-1);
      if (versions === undefined || newest === undefined) return undefined;
      const meant = asked === undefined ? newest : versions.find(({ version }) => version === asked);
      if (meant === undefined) return { version: asked ?? newest.version, unknown: true, issues: [] };
      return { version: meant.version, unknown: false, issues: checkOf(meant.schema)(payload) };
    },
    adopt: (version) => {
      const others = (byType.get(version.type) ?? []).filter((one) => one.version !== version.version);
      byType.set(
        version.type,
        [...others, version].toSorted((a, b) => compareVersions(a.version, b.version)),
      );
    },
  };
};
