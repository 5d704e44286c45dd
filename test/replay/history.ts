import proto from '@temporalio/proto';
import type { temporal } from '@temporalio/proto';

/*
 * Histories as text that a person can read and a diff can show. The SDK has its own way (`historyToJSON`), which fails
 * with "type must be a Type" where npm has installed several copies of protobufjs; the generated classes themselves do
 * not look at each other's types.
 */

type History = temporal.api.history.v1.IHistory;

const { History } = proto.temporal.api.history.v1;

export const historyToText = (history: History): string =>
  `${JSON.stringify(History.toObject(History.fromObject(history), { longs: String, enums: String, bytes: String }), undefined, 1)}\n`;

/** @throws when it is no history */
export const historyFromText = (text: string): History =>
  History.fromObject(JSON.parse(text) as Record<string, unknown>);
